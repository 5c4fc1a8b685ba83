//! What is told of an attempt that failed, by how the server failed.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::sync::Mutex;

use bytes::Bytes;
use warehouse_sink_core::Failure::{Permanent, Temporary};

use super::super::ObjectStore;
use super::server::{Reply, Server, answer, refusal};
use super::{options, s3};
use crate::store::{Effect, Store, StoreError};

async fn put(server: &Server) -> Result<(), StoreError> {
    s3(&server.endpoint).put("events/a b.parquet", Bytes::from_static(b"body")).await
}

#[tokio::test]
async fn a_small_object_is_one_request() {
    let server = Server::start(|_| answer(200, ""));
    put(&server).await.unwrap();
    let requests = server.requests();
    assert_eq!(server.lines(), ["PUT /bucket/events/a%20b.parquet"]);
    assert_eq!(requests[0].body, b"body");
}

#[tokio::test]
async fn an_answer_that_refuses_did_not_apply() {
    for (status, code, failure) in [
        (400, "InvalidArgument", Permanent),
        (400, "RequestTimeout", Temporary),
        (403, "AccessDenied", Permanent),
        (404, "NoSuchBucket", Permanent),
        (409, "OperationAborted", Temporary),
        (429, "TooManyRequests", Temporary),
        (501, "NotImplemented", Permanent),
        (503, "SlowDown", Temporary),
        (507, "XMinioStorageFull", Temporary),
    ] {
        let server = Server::start(move |_| refusal(status, code));
        let error = put(&server).await.unwrap_err();
        assert_eq!(error.effect(), Effect::NotApplied(failure), "{status} {code}");
        let text = error.to_string();
        assert!(text.starts_with(&format!("the server answered {status}: ")) && text.contains(code), "{text}");
        assert!(!text.contains('\n'), "{text}");
        assert_eq!(server.requests().len(), 1, "one attempt for each call");
    }
}

#[tokio::test]
async fn an_answer_that_does_not_tell_leaves_it_unknown() {
    for (status, code) in [(500, "InternalError"), (503, "ServiceUnavailable"), (502, ""), (504, "")] {
        let server = Server::start(move |_| refusal(status, code));
        assert_eq!(put(&server).await.unwrap_err().effect(), Effect::Unknown, "{status} {code}");
        assert_eq!(server.requests().len(), 1, "one attempt for each call");
    }
}

#[tokio::test]
async fn no_answer_leaves_it_unknown() {
    let server = Server::start(|_| Reply::Cut);
    assert_eq!(put(&server).await.unwrap_err().effect(), Effect::Unknown);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn no_connection_did_not_apply() {
    let endpoint = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let error = s3(&endpoint).put("key", Bytes::from_static(b"body")).await.unwrap_err();
    assert_eq!(error.effect(), Effect::NotApplied(Temporary), "{error}");
}

#[tokio::test]
async fn no_credentials_did_not_apply() {
    let server = Server::start(|_| answer(200, ""));
    let options = options(&[
        ("bucket", "bucket"),
        ("region", "us-east-1"),
        ("endpoint", &server.endpoint),
        ("disable_config_load", "true"),
        ("disable_ec2_metadata", "true"),
    ]);
    let store = ObjectStore::open("s3", &options, None).unwrap();
    let error = store.put("key", Bytes::from_static(b"body")).await.unwrap_err();
    assert_eq!(error.effect(), Effect::NotApplied(Temporary), "{error}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_probe_leaves_nothing() {
    let objects = Mutex::new(BTreeMap::new());
    let server = Server::start(move |request| {
        let mut objects = objects.lock().unwrap();
        let (method, path) = request.line.split_once(' ').unwrap();
        match method {
            "PUT" => {
                objects.insert(path.to_owned(), request.body.clone());
                answer(200, "")
            }
            "GET" | "HEAD" => match objects.get(path) {
                Some(body) => answer(200, std::str::from_utf8(body).unwrap()),
                None => refusal(404, "NoSuchKey"),
            },
            "DELETE" if objects.remove(path).is_some() && objects.is_empty() => answer(204, ""),
            _ => refusal(400, "InvalidRequest"),
        }
    });
    s3(&server.endpoint).probe("events").await.unwrap();
    let lines = server.lines();
    let methods: Vec<&str> = lines.iter().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!((methods.first(), methods.last()), (Some(&"PUT"), Some(&"DELETE")), "{lines:?}");
    assert!(lines.iter().all(|line| line.contains("/bucket/events/.warehouse-sink-probe-")), "{lines:?}");
}

#[tokio::test]
async fn a_probe_tells_what_is_refused() {
    let server = Server::start(|_| refusal(403, "AccessDenied"));
    let error = s3(&server.endpoint).probe("").await.unwrap_err().to_string();
    assert!(error.starts_with("cannot write: ") && error.contains("AccessDenied"), "{error}");

    let server = Server::start(|request| match request.is("PUT", "") {
        true => answer(200, ""),
        false => refusal(403, "AccessDenied"),
    });
    let error = s3(&server.endpoint).probe("").await.unwrap_err().to_string();
    assert!(error.starts_with("cannot read what was written: "), "{error}");
}
