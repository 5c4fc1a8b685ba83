//! The proxy does to connections what it says.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use warehouse_sink_testkit::{Direction, Flow, Proxy};

/// A server that sends everything back.
fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || std::io::copy(&mut &stream, &mut &stream));
        }
    });
    address
}

fn connect(proxy: &Proxy) -> TcpStream {
    let stream = TcpStream::connect(proxy.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    stream
}

fn echoed(stream: &mut TcpStream, text: &[u8]) -> bool {
    stream.write_all(text).unwrap();
    let mut answer = vec![0; text.len()];
    stream.read_exact(&mut answer).is_ok() && answer == text
}

#[test]
fn bytes_go_through_both_ways() {
    let proxy = Proxy::start(echo());
    let mut stream = connect(&proxy);
    let text: Vec<u8> = (0..200_000_u32).map(|number| (number % 251) as u8).collect();
    assert!(echoed(&mut stream, &text));
    assert_eq!(proxy.accepted(), 1);
}

#[test]
fn a_stalled_direction_holds_bytes_back_and_loses_none() {
    for direction in [Direction::ToServer, Direction::ToClient] {
        let proxy = Proxy::start(echo());
        let mut stream = connect(&proxy);
        assert!(echoed(&mut stream, b"before"));
        proxy.set(direction, Flow::Stall);
        assert!(!echoed(&mut stream, b"held"));
        proxy.set(direction, Flow::Pass);
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"held");
    }
}

#[test]
fn discarded_bytes_never_come() {
    let proxy = Proxy::start(echo());
    let mut stream = connect(&proxy);
    proxy.set(Direction::ToClient, Flow::Discard);
    assert!(!echoed(&mut stream, b"lost"));
    proxy.set(Direction::ToClient, Flow::Pass);
    assert!(echoed(&mut stream, b"kept"));
}

#[test]
fn a_cut_ends_connections_and_new_ones_go_through() {
    let proxy = Proxy::start(echo());
    let mut stream = connect(&proxy);
    assert!(echoed(&mut stream, b"before"));
    proxy.cut();
    assert_eq!(stream.read(&mut [0; 1]).unwrap_or(0), 0);
    assert!(echoed(&mut connect(&proxy), b"again"));
}

#[test]
fn a_stalled_connection_can_be_cut() {
    let proxy = Proxy::start(echo());
    let mut stream = connect(&proxy);
    assert!(echoed(&mut stream, b"before"));
    proxy.set(Direction::ToClient, Flow::Stall);
    proxy.cut();
    stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn a_proxy_that_is_down_refuses_until_it_comes_back() {
    let proxy = Proxy::start(echo());
    let mut stream = connect(&proxy);
    assert!(echoed(&mut stream, b"before"));
    proxy.go_down();
    let refused = TcpStream::connect(proxy.address()).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    assert_eq!(stream.read(&mut [0; 1]).unwrap_or(0), 0);
    proxy.come_back();
    assert!(echoed(&mut connect(&proxy), b"again"));
}

#[test]
fn a_slow_link_carries_so_much_and_all_of_it() {
    let proxy = Proxy::start(echo());
    let mut stream = connect(&proxy);
    proxy.limit_to_client(Some(500_000));
    let (text, begun) = (vec![7; 250_000], Instant::now());
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert!(echoed(&mut stream, &text));
    assert!(begun.elapsed() >= Duration::from_millis(400), "{:?}", begun.elapsed());
    proxy.limit_to_client(None);
    assert!(echoed(&mut stream, b"fast"));
}
