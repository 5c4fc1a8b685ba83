//! A network between the sink and a server that speaks HTTP, which knows what a request is: it answers in the server's place, hides its
//! answers, and is slow. Clients may take it for the server, or have it as their proxy (`HTTP_PROXY`).

use std::io::{self, BufRead, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How often a waiting thread looks whether something was changed.
const TICK: Duration = Duration::from_millis(5);

/// A request, without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// `PUT`, `POST` and so on.
    pub method: String,
    /// The path with its query.
    pub target: String,
    /// The headers, their names in lower case.
    pub headers: Vec<(String, String)>,
    /// The length of the body in bytes.
    pub length: usize,
}

impl Head {
    /// The value of a header, by its name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What becomes of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It goes to the server, and the answer comes back.
    Pass,
    /// The server never sees it; it is answered with this status and body.
    Answer(u16, &'static str),
    /// The server does what it says, and its answer is replaced with this status and an empty body.
    Hide(u16),
    /// Its body goes through in pieces of this many bytes, with 20 ms between them.
    Slow(usize),
    /// This many bytes of its body go through, and then nothing more, until the client is gone.
    Hold(usize),
}

type Decide = dyn Fn(&Head) -> Fate + Send + Sync;

/// An HTTP proxy on a loopback port, with a connection for each request. Dropping it cuts everything.
pub struct HttpProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    upstream: SocketAddr,
    state: Mutex<State>,
}

struct State {
    ended: bool,
    decide: Arc<Decide>,
    fates: Vec<(Head, Fate)>,
    open: Vec<TcpStream>,
}

impl HttpProxy {
    /// Starts a proxy before a server, which lets everything pass.
    ///
    /// # Panics
    ///
    /// When no port can be had.
    #[must_use]
    #[track_caller]
    pub fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok((listener.local_addr()?, listener))
        });
        let (address, listener) = listener.unwrap_or_else(|error| panic!("cannot listen: {error}"));
        let state = State { ended: false, decide: Arc::new(|_| Fate::Pass), fates: Vec::new(), open: Vec::new() };
        let shared = Arc::new(Shared { upstream, state: Mutex::new(state) });
        let acceptor = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&shared, &listener)
        });
        Self { address, shared, acceptor: Some(acceptor) }
    }

    /// The address that clients connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Decides from now on what becomes of a request once its head has come.
    pub fn decide(&self, decide: impl Fn(&Head) -> Fate + Send + Sync + 'static) {
        self.shared.lock().decide = Arc::new(decide);
    }

    /// Lets everything pass from now on.
    pub fn pass(&self) {
        self.decide(|_| Fate::Pass);
    }

    /// How many requests have met a fate so far. One that is held counts when its last byte has gone through.
    #[must_use]
    pub fn count(&self, of: impl Fn(&Head, &Fate) -> bool) -> usize {
        self.shared.lock().fates.iter().filter(|(head, fate)| of(head, fate)).count()
    }
}

impl Drop for HttpProxy {
    fn drop(&mut self) {
        {
            let mut state = self.shared.lock();
            state.ended = true;
            for stream in state.open.drain(..) {
                // It fails when the connection has ended already.
                let _ = stream.shutdown(Shutdown::Both);
            }
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

    /// Has a connection end with the proxy.
    fn keep(&self, stream: &TcpStream) -> io::Result<()> {
        let mut state = self.lock();
        if state.ended {
            return Err(io::Error::other("the proxy has ended"));
        }
        state.open.push(stream.try_clone()?);
        Ok(())
    }
}

fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    while !shared.lock().ended {
        match listener.accept() {
            Ok((client, _)) => {
                let shared = Arc::clone(shared);
                thread::spawn(move || {
                    if serve(&shared, &client).is_err() {
                        // An error is the end of the connection. That may have ended already.
                        let _ = client.shutdown(Shutdown::Both);
                    }
                });
            }
            Err(_) => thread::sleep(TICK),
        }
    }
}

fn serve(shared: &Shared, mut client: &TcpStream) -> io::Result<()> {
    client.set_nonblocking(false)?;
    client.set_nodelay(true)?;
    shared.keep(client)?;
    let mut request = BufReader::new(client.try_clone()?);
    let head = read_head(&mut request)?;
    let decide = Arc::clone(&shared.lock().decide);
    let fate = decide(&head);
    let done = |fate: &Fate| shared.lock().fates.push((head.clone(), fate.clone()));
    match fate {
        Fate::Answer(status, body) => {
            done(&fate);
            // The client hears the answer only once all that it sent has been read.
            io::copy(&mut request.take(head.length as u64), &mut io::sink())?;
            answer(client, status, body)?;
        }
        Fate::Hold(bytes) => {
            let mut server = forward(shared, &head)?;
            io::copy(&mut request.by_ref().take(bytes as u64), &mut server)?;
            done(&fate);
            let gone = io::copy(&mut request, &mut io::sink());
            // The server sees that its client is gone, as it would without a proxy.
            server.shutdown(Shutdown::Both)?;
            gone?;
        }
        Fate::Slow(piece) => {
            let mut server = forward(shared, &head)?;
            let mut left = head.length;
            while left > 0 {
                let length = io::copy(&mut request.by_ref().take(piece.min(left) as u64), &mut server)?;
                if length == 0 {
                    // The server sees that its client is gone, as it would without a proxy.
                    return server.shutdown(Shutdown::Both);
                }
                left -= length as usize;
                thread::sleep(4 * TICK);
            }
            io::copy(&mut server, &mut client)?;
            done(&fate);
        }
        Fate::Pass | Fate::Hide(_) => {
            // In one piece: a server that answers before it has read the body would break off the connection, and with it the answer.
            let mut body = Vec::new();
            request.by_ref().take(head.length as u64).read_to_end(&mut body)?;
            let mut server = forward_with(shared, &head, &body)?;
            let mut response = Vec::new();
            server.read_to_end(&mut response)?;
            done(&fate);
            match fate {
                Fate::Hide(status) => answer(client, status, "")?,
                _ => client.write_all(&response)?,
            }
        }
    }
    client.shutdown(Shutdown::Both)
}

pub(crate) fn read_head(request: &mut impl BufRead) -> io::Result<Head> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        request.read_line(&mut line)?;
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let headers = lines.iter().skip(1).filter_map(|line| line.split_once(':'));
    let headers: Vec<_> = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    let mut words = lines.first().map(|line| line.split(' ')).into_iter().flatten().map(str::to_owned);
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Err(io::Error::other("this is no HTTP"));
    };
    let mut head = Head { method, target, headers, length: 0 };
    // What is sent in chunks would need a reader of its own; the sink sends nothing so.
    assert_eq!(head.header("transfer-encoding"), None, "{head:?}");
    head.length = head.header("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    Ok(head)
}

/// Begins the request anew at the server, asking it to end the connection behind its answer.
fn forward(shared: &Shared, head: &Head) -> io::Result<TcpStream> {
    forward_with(shared, head, b"")
}

/// As [`forward`], with the body.
fn forward_with(shared: &Shared, head: &Head, body: &[u8]) -> io::Result<TcpStream> {
    let mut server = TcpStream::connect_timeout(&shared.upstream, Duration::from_secs(5))?;
    server.set_nodelay(true)?;
    shared.keep(&server)?;
    let headers = head.headers.iter().filter(|(name, _)| name != "connection");
    let headers: String = headers.map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let line = format!("{} {} HTTP/1.1\r\n", head.method, origin_form(&head.target));
    server.write_all(&[line.as_bytes(), headers.as_bytes(), b"connection: close\r\n\r\n", body].concat())?;
    Ok(server)
}

/// A client that knows of its proxy names the server in the target; the server itself is asked for the path.
fn origin_form(target: &str) -> &str {
    match target.strip_prefix("http://") {
        Some(rest) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => target,
    }
}

fn answer(mut client: &TcpStream, status: u16, body: &str) -> io::Result<()> {
    write!(client, "HTTP/1.1 {status} Status\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
}
