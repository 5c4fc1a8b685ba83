//! The HTTP endpoints, over real connections.

#![allow(clippy::unwrap_used, reason = "a test that fails here says where")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};

use metrics::{Key, Label, Level, Metadata, Recorder};
use warehouse_sink::http;
use warehouse_sink::recorder::recorder;
use warehouse_sink::settings::{ListenAddress, Settings};

const METADATA: Metadata<'static> = Metadata::new("test", Level::INFO, None);

fn address(text: &str) -> ListenAddress {
    let settings = format!("[observability]\nmetrics_addr = \"{text}\"");
    Settings::parse(Path::new("t.toml"), &settings, []).unwrap().observability.metrics_addr
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", address.port())).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}

type Ready = Arc<Mutex<Result<(), String>>>;

/// Endpoints on a free port, with a recorder to count into and a readiness to change.
fn started() -> (tokio::runtime::Runtime, SocketAddr, metrics_exporter_prometheus::PrometheusRecorder, Ready) {
    let runtime = runtime();
    let listener = runtime.block_on(http::bind(&address("127.0.0.1:0"))).unwrap();
    let bound = listener.local_addr().unwrap();
    let recorder = recorder().unwrap();
    let ready: Ready = Arc::new(Mutex::new(Ok(())));
    let asked = ready.clone();
    runtime.spawn(http::serve(listener, recorder.handle(), move || asked.lock().unwrap().clone()));
    (runtime, bound, recorder, ready)
}

#[test]
fn metrics_are_shown_in_prometheus_own_text() {
    let (_runtime, address, recorder, _) = started();
    let key = Key::from_parts("sink_files_total", vec![Label::new("outcome", "written")]);
    recorder.register_counter(&key, &METADATA).increment(3);
    recorder.register_histogram(&Key::from_static_name("sink_upload_seconds"), &METADATA).record(0.2);
    recorder.register_histogram(&Key::from_static_name("sink_batch_rows"), &METADATA).record(200.0);
    let (status, answer) = get(address, "/metrics");
    assert_eq!(status, 200);
    assert!(answer.contains("text/plain; version=0.0.4"), "{answer}");
    assert!(answer.contains("sink_files_total{outcome=\"written\"} 3"), "{answer}");
    assert!(answer.contains("sink_upload_seconds_bucket{le=\"0.25\"} 1"), "{answer}");
    assert!(answer.contains("sink_batch_rows_bucket{le=\"1000\"} 1"), "{answer}");
}

#[test]
fn ready_follows_the_service_and_says_why_not() {
    let (_runtime, address, _, ready) = started();
    assert_eq!(get(address, "/ready").0, 200);
    *ready.lock().unwrap() = Err("nats: not connected".to_owned());
    let (status, answer) = get(address, "/ready");
    assert_eq!(status, 503);
    assert!(answer.contains("nats: not connected"), "{answer}");
    assert_eq!(get(address, "/health").0, 200, "alive all the same");
    *ready.lock().unwrap() = Ok(());
    assert_eq!(get(address, "/ready").0, 200);
    assert_eq!(get(address, "/else").0, 404);
}

#[test]
fn no_host_means_every_interface() {
    let runtime = runtime();
    let listener = runtime.block_on(http::bind(&address(":0"))).unwrap();
    let bound = listener.local_addr().unwrap();
    assert!(bound.ip().is_unspecified(), "{bound}");
    TcpStream::connect(("127.0.0.1", bound.port())).unwrap();
}

#[test]
fn an_address_in_use_is_named_with_its_setting() {
    let runtime = runtime();
    let first = runtime.block_on(http::bind(&address("127.0.0.1:0"))).unwrap();
    let taken = format!("127.0.0.1:{}", first.local_addr().unwrap().port());
    let error = runtime.block_on(http::bind(&address(&taken))).unwrap_err().to_string();
    let expected = format!("cannot listen on {taken} (observability.metrics_addr): Address already in use");
    assert!(error.starts_with(&expected), "{error}");
}
