//! From an address to a connection that has logged in.

use std::io;
use std::time::Duration;

use async_nats::{Auth, ServerAddr};
use bytes::BytesMut;
use data_encoding::BASE64URL_NOPAD;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::frame::{Frame, Next, ProtocolError, next};
use super::tls;
use crate::source::nats::NatsConfig;
use crate::source::nats::login::LoginError;

/// How long a server may take until it has let us in.
const PATIENCE: Duration = Duration::from_secs(5);

/// How many bytes are read at a time, where not more are known to come.
const READ: usize = 64 * 1024;

/// What bytes go over, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// Why there is no connection, in the words of async-nats where it has any: `refusal` says what they mean.
#[derive(Debug, thiserror::Error)]
pub(super) enum DialError {
    #[error("timed out")]
    TimedOut,
    #[error("IO error: {0}")]
    Io(#[from] io::Error),
    #[error("AuthError({0})")]
    Login(#[from] LoginError),
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Protocol(#[from] ProtocolError),
    #[error("the server did not say who it is: {0}")]
    Info(#[from] serde_json::Error),
    #[error("the server sent {0} where it should have said something else")]
    Unexpected(&'static str),
}

/// What a server says of itself.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Info {
    nonce: String,
    tls_required: bool,
}

/// What it is told of the client.
#[derive(Serialize)]
struct Connect<'c> {
    verbose: bool,
    pedantic: bool,
    echo: bool,
    headers: bool,
    no_responders: bool,
    protocol: u8,
    tls_required: bool,
    lang: &'static str,
    version: &'static str,
    name: &'c str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pass: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auth_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jwt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nkey: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sig: Option<String>,
}

/// A connection and what has arrived on it.
pub(super) struct Line {
    pub stream: Box<dyn Stream>,
    pub arrived: BytesMut,
}

impl Line {
    /// The next frame; an error where the connection ends.
    async fn frame(&mut self) -> Result<Frame, DialError> {
        loop {
            match next(&mut self.arrived)? {
                Next::Frame(frame) => return Ok(frame),
                Next::Needs(bytes, _) => read(&mut self.stream, &mut self.arrived, bytes).await?,
            };
        }
    }
}

/// Reads once, with room for so many bytes in all; how many came.
pub(super) async fn read(
    from: &mut (impl AsyncRead + Unpin),
    arrived: &mut BytesMut,
    needs: usize,
) -> io::Result<usize> {
    if arrived.is_empty() && arrived.capacity() > 16 * READ {
        // What a large message took is not kept for small ones.
        *arrived = BytesMut::new();
    }
    // A larger message gets all of its memory at once, without being moved again and again.
    let room = needs.saturating_sub(arrived.len()).max(READ / 4);
    if arrived.capacity() - arrived.len() < room {
        arrived.reserve(room.max(READ));
    }
    match from.read_buf(arrived).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        bytes => Ok(bytes),
    }
}

/// Connects to a server and logs in.
pub(super) async fn dial(address: &ServerAddr, config: &NatsConfig, name: &str) -> Result<Line, DialError> {
    timeout(PATIENCE, dial_patiently(address, config, name)).await.unwrap_or(Err(DialError::TimedOut))
}

async fn dial_patiently(address: &ServerAddr, config: &NatsConfig, name: &str) -> Result<Line, DialError> {
    let stream = TcpStream::connect((address.host(), address.port())).await?;
    stream.set_nodelay(true)?;
    let mut line = Line { stream: Box::new(stream), arrived: BytesMut::new() };
    let Frame::Info(info) = line.frame().await? else { return Err(DialError::Unexpected("no INFO")) };
    let info: Info = serde_json::from_slice(&info)?;
    let wanted = config.tls.required || address.tls_required();
    if wanted || info.tls_required {
        // What came with INFO came before anyone was known to have sent it.
        line = Line { stream: tls::encrypt(line.stream, address.host(), &config.tls).await?, arrived: BytesMut::new() };
    }
    let auth = config.login.answer(info.nonce.as_bytes())?;
    let connect = serde_json::to_vec(&hello(auth, wanted, name))?;
    let hello = [b"CONNECT ".as_slice(), &connect, b"\r\nPING\r\n"].concat();
    line.stream.write_all(&hello).await?;
    line.stream.flush().await?;
    loop {
        match line.frame().await? {
            Frame::Pong => return Ok(line),
            Frame::Ok | Frame::Info(_) => {}
            Frame::Ping => line.stream.write_all(b"PONG\r\n").await?,
            Frame::Error(text) => return Err(DialError::Refused(text.to_ascii_lowercase())),
            Frame::Message(_) => return Err(DialError::Unexpected("a message")),
        }
    }
}

fn hello(auth: Auth, tls_required: bool, name: &str) -> Connect<'_> {
    Connect {
        verbose: false,
        pedantic: false,
        echo: true,
        headers: true,
        no_responders: true,
        protocol: 1,
        tls_required,
        lang: "rust",
        version: env!("CARGO_PKG_VERSION"),
        name,
        user: auth.username,
        pass: auth.password,
        auth_token: auth.token,
        jwt: auth.jwt,
        nkey: auth.nkey,
        sig: auth.signature.map(|signature| BASE64URL_NOPAD.encode(&signature)),
    }
}
