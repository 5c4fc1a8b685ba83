//! An HTTP server of a test's own, which stands for a service that gives out credentials.

use std::fmt;
use std::io::{self, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::certificates::Certificate;
use crate::http_proxy::{Head, read_head};

const TICK: Duration = Duration::from_millis(5);

type Answer = dyn Fn(&Head, &str) -> (u16, String) + Send + Sync;

/// A server on a loopback port, with a connection for each request. Dropping it closes the port.
pub struct HttpServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<JoinHandle<()>>,
}

struct Shared {
    answer: Box<Answer>,
    tls: Option<Arc<ServerConfig>>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    ended: bool,
    answered: Vec<(Head, u16)>,
}

impl HttpServer {
    /// Starts a server that answers each request, given its head and body, with a status and a body.
    ///
    /// # Panics
    ///
    /// When no port can be had.
    #[must_use]
    #[track_caller]
    pub fn start(answer: impl Fn(&Head, &str) -> (u16, String) + Send + Sync + 'static) -> Self {
        Self::launch(None, Box::new(answer))
    }

    /// As [`Self::start`], for clients that have this server as their proxy for HTTPS (`HTTPS_PROXY`): whatever server they ask it to
    /// connect them with, they meet this one, with this certificate.
    ///
    /// # Panics
    ///
    /// When no port can be had or the certificate can't be used.
    #[must_use]
    #[track_caller]
    pub fn in_place_of(
        certificate: &Certificate,
        answer: impl Fn(&Head, &str) -> (u16, String) + Send + Sync + 'static,
    ) -> Self {
        Self::launch(Some(Arc::new(tls(certificate))), Box::new(answer))
    }

    #[track_caller]
    fn launch(tls: Option<Arc<ServerConfig>>, answer: Box<Answer>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|listener| {
            listener.set_nonblocking(true)?;
            Ok((listener.local_addr()?, listener))
        });
        let (address, listener) = listener.unwrap_or_else(|error| panic!("cannot listen: {error}"));
        let shared = Arc::new(Shared { answer, tls, state: Mutex::default() });
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

    /// How many requests have been answered so far, of those that are meant, by their head and the status of the answer.
    #[must_use]
    pub fn count(&self, of: impl Fn(&Head, u16) -> bool) -> usize {
        self.shared.state().answered.iter().filter(|(head, status)| of(head, *status)).count()
    }
}

impl fmt::Debug for HttpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpServer").field("address", &self.address).finish_non_exhaustive()
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.shared.state().ended = true;
        if let Some(acceptor) = self.acceptor.take() {
            // It fails only if that thread panicked, which its own message has told.
            let _ = acceptor.join();
        }
    }
}

impl Shared {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn accept(shared: &Arc<Shared>, listener: &TcpListener) {
    while !shared.state().ended {
        match listener.accept() {
            Ok((client, _)) => {
                let shared = Arc::clone(shared);
                // An error is the end of the connection, which the client sees.
                thread::spawn(move || serve(&shared, client));
            }
            Err(_) => thread::sleep(TICK),
        }
    }
}

fn serve(shared: &Shared, mut client: TcpStream) -> io::Result<()> {
    client.set_nonblocking(false)?;
    let Some(tls) = &shared.tls else { return talk(shared, client) };
    let head = read_head(&mut BufReader::new(client.try_clone()?))?;
    if head.method != "CONNECT" {
        return Err(io::Error::other("this is a proxy for HTTPS"));
    }
    client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n")?;
    let connection = ServerConnection::new(Arc::clone(tls)).map_err(io::Error::other)?;
    talk(shared, StreamOwned::new(connection, client))
}

/// Reads one request and answers it.
fn talk(shared: &Shared, client: impl Read + Write) -> io::Result<()> {
    let mut client = BufReader::new(client);
    let head = read_head(&mut client)?;
    let mut body = vec![0; head.length];
    client.read_exact(&mut body)?;
    let (status, answer) = (shared.answer)(&head, &String::from_utf8_lossy(&body));
    shared.state().answered.push((head, status));
    let length = answer.len();
    let client = client.get_mut();
    write!(client, "HTTP/1.1 {status} Status\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{answer}")?;
    client.flush()
}

#[track_caller]
fn tls(certificate: &Certificate) -> ServerConfig {
    let config = || -> Result<ServerConfig, Box<dyn std::error::Error>> {
        let chain = CertificateDer::pem_file_iter(&certificate.certificate)?.collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_file(&certificate.key)?;
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()?;
        Ok(config.with_no_client_auth().with_single_cert(chain, key)?)
    };
    config().unwrap_or_else(|error| panic!("the certificate can't be used: {error}"))
}
