//! A network between the sink and a server that can be cut, stalled and refused.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often a waiting thread looks whether something was changed.
const TICK: Duration = Duration::from_millis(5);

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client to the server: requests, publishes, acks.
    ToServer,
    /// From the server to the client: answers, deliveries.
    ToClient,
}

/// What happens to bytes on their way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flow {
    /// They go through.
    #[default]
    Pass,
    /// They wait, unread, until the flow passes again: a network that hangs.
    Stall,
    /// They are lost while the connection looks alive. What goes through after this begins in mid-message, so
    /// [`Proxy::cut`] the connections before letting it pass again.
    Discard,
}

/// A TCP proxy on a loopback port. Dropping it cuts everything.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    ended: bool,
    refuse: bool,
    to_server: Flow,
    to_client: Flow,
    /// What the link to clients carries, over all connections.
    link: Option<Link>,
    /// Both ends of every connection that was opened since the last cut.
    open: Vec<TcpStream>,
    accepted: usize,
    /// Bytes that were lost.
    discarded: usize,
}

/// A link that carries so many bytes a second.
#[derive(Debug)]
struct Link {
    bytes_per_second: u64,
    /// When it has carried all that was given to it.
    free: Instant,
}

impl Link {
    /// When it will have carried this as well.
    fn carry(&mut self, bytes: usize) -> Instant {
        let takes = Duration::from_secs_f64(bytes as f64 / self.bytes_per_second as f64);
        self.free = self.free.max(Instant::now()) + takes;
        self.free
    }
}

impl Proxy {
    /// Starts a proxy before a server. The server needn't be up.
    ///
    /// # Panics
    ///
    /// When no port can be had.
    #[must_use]
    #[track_caller]
    pub fn start(upstream: SocketAddr) -> Self {
        let [port] = crate::ports::free_ports();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listener = listen(address).unwrap_or_else(|error| panic!("cannot listen on {address}: {error}"));
        let shared = Arc::new(Shared { upstream, state: Mutex::default() });
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&shared, address, Some(listener))
        });
        Self { address, shared, acceptor: Some(acceptor) }
    }

    /// The address that clients connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what happens to bytes in one direction, on present and later connections.
    pub fn set(&self, direction: Direction, flow: Flow) {
        let mut state = self.shared.lock();
        match direction {
            Direction::ToServer => state.to_server = flow,
            Direction::ToClient => state.to_client = flow,
        }
    }

    /// Lets no more than this many bytes a second through to clients, over all connections together; none is no limit.
    pub fn limit_to_client(&self, bytes_per_second: Option<u64>) {
        let link = |bytes_per_second| Link { bytes_per_second, free: Instant::now() };
        self.shared.lock().link = bytes_per_second.map(link);
    }

    /// Ends all connections at once; new ones go through.
    pub fn cut(&self) {
        cut(&mut self.shared.lock());
    }

    /// Refuses new connections, as a machine does on which nothing listens; or accepts them again. Present ones stay: see
    /// [`Self::cut`].
    pub fn refuse(&self, refuse: bool) {
        self.shared.lock().refuse = refuse;
        // The port is closed and opened by the accepting thread.
        crate::wait_until(Duration::from_secs(10), "the proxy to open or close its port", || {
            TcpStream::connect(self.address).is_err() == refuse
        });
    }

    /// Cuts everything and refuses: the server is gone for its clients.
    pub fn go_down(&self) {
        self.refuse(true);
        self.cut();
    }

    /// Accepts connections and lets everything pass.
    pub fn come_back(&self) {
        self.set(Direction::ToServer, Flow::Pass);
        self.set(Direction::ToClient, Flow::Pass);
        self.refuse(false);
    }

    /// Connections that were accepted so far.
    #[must_use]
    pub fn accepted(&self) -> usize {
        self.shared.lock().accepted
    }

    /// Bytes that were lost so far: see [`Flow::Discard`].
    #[must_use]
    pub fn discarded(&self) -> usize {
        self.shared.lock().discarded
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        {
            let mut state = self.shared.lock();
            state.ended = true;
            cut(&mut state);
        }
        if let Some(acceptor) = self.acceptor.take() {
            // It fails only if that thread panicked, which its own message has told.
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn flow(&self, direction: Direction) -> Flow {
        let state = self.lock();
        match direction {
            Direction::ToServer => state.to_server,
            Direction::ToClient => state.to_client,
        }
    }

    /// Waits as long as a slow link would take.
    fn wait_for_link(&self, bytes: usize) {
        let Some(done) = self.lock().link.as_mut().map(|link| link.carry(bytes)) else { return };
        while Instant::now() < done && !self.lock().ended {
            thread::sleep(TICK.min(done.saturating_duration_since(Instant::now())));
        }
    }
}

fn cut(state: &mut State) {
    for stream in state.open.drain(..) {
        // It fails when the connection has ended already.
        let _ = stream.shutdown(Shutdown::Both);
    }
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Accepts connections until the proxy ends. Without a listener the system refuses them by itself.
fn accept(shared: &Arc<Shared>, address: SocketAddr, mut listener: Option<TcpListener>) {
    loop {
        let (ended, refuse) = {
            let state = shared.lock();
            (state.ended, state.refuse)
        };
        if ended {
            return;
        }
        if refuse {
            listener = None;
        } else if listener.is_none() {
            listener = listen(address).ok();
        }
        match listener.as_ref().map(TcpListener::accept) {
            // A server that is down ends the connection right away, as it would without a proxy.
            Some(Ok((client, _))) => drop(connect(shared, client)),
            _ => thread::sleep(TICK),
        }
    }
}

fn connect(shared: &Arc<Shared>, client: TcpStream) -> io::Result<()> {
    let server = TcpStream::connect_timeout(&shared.upstream, Duration::from_secs(5))?;
    client.set_nonblocking(false)?;
    let ways = [
        (Direction::ToServer, client.try_clone()?, server.try_clone()?),
        (Direction::ToClient, server.try_clone()?, client.try_clone()?),
    ];
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TICK))?;
    }
    {
        let mut state = shared.lock();
        state.accepted += 1;
        state.open.extend([client, server]);
    }
    for (direction, from, to) in ways {
        let shared = Arc::clone(shared);
        thread::spawn(move || {
            // An error is the end of the connection; the other side is to see it as well.
            let _ = copy(&shared, direction, &from, &to);
            let _ = to.shutdown(Shutdown::Write);
        });
    }
    Ok(())
}

fn copy(shared: &Shared, direction: Direction, mut from: &TcpStream, mut to: &TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        if shared.flow(direction) == Flow::Stall {
            if from.peer_addr().is_err() || shared.lock().ended {
                return Ok(());
            }
            thread::sleep(TICK);
            continue;
        }
        let length = match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => length,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => continue,
            Err(error) => return Err(error),
        };
        if direction == Direction::ToClient {
            shared.wait_for_link(length);
        }
        // The flow may have changed while this thread waited for bytes.
        loop {
            match shared.flow(direction) {
                Flow::Pass => break to.write_all(&buffer[..length])?,
                Flow::Discard => break shared.lock().discarded += length,
                Flow::Stall if shared.lock().ended => return Ok(()),
                Flow::Stall => thread::sleep(TICK),
            }
        }
    }
}
