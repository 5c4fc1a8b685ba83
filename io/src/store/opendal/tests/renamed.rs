//! A server of files: what is sent, and what is told of an attempt that failed.

use bytes::Bytes;
use warehouse_sink_core::Failure::{Permanent, Temporary};

use super::super::ObjectStore;
use super::options;
use super::server::{Reply, Request, Server, answer};
use crate::store::{Effect, Store, StoreError};

/// A folder, whatever is asked for.
const FOLDER: &str = "<D:multistatus xmlns:D=\"DAV:\"><D:response><D:href>/</D:href><D:propstat><D:prop>\
    <D:resourcetype><D:collection/></D:resourcetype><D:getlastmodified>Fri, 17 Feb 2023 03:37:22 GMT</D:getlastmodified></D:prop>\
    <D:status>HTTP/1.1 200 OK</D:status></D:propstat></D:response></D:multistatus>";

fn good(request: &Request) -> Reply {
    match request.line.split(' ').next() {
        Some("PROPFIND") => answer(207, FOLDER),
        Some("DELETE") => answer(204, ""),
        _ => answer(201, ""),
    }
}

/// The requests that change something, without the name that is made up.
fn changes(server: &Server) -> Vec<String> {
    let changing = |line: &String| !line.starts_with("PROPFIND");
    server
        .lines()
        .into_iter()
        .filter(changing)
        .map(|line| line.split_at(line.rfind('/').unwrap()).0.to_owned())
        .collect()
}

async fn put(server: &Server) -> Result<(), StoreError> {
    let store = ObjectStore::open("webdav", &options(&[("endpoint", &server.endpoint)]), None).unwrap();
    store.put("events/key", Bytes::from_static(b"body")).await
}

#[tokio::test]
async fn an_object_gets_its_name_when_it_is_whole() {
    let server = Server::start(good);
    put(&server).await.unwrap();
    assert_eq!(changes(&server), ["PUT /.warehouse-sink", "MOVE /.warehouse-sink"]);
}

#[tokio::test]
async fn a_failure_is_told_by_the_rename_and_leaves_nothing() {
    // Where there is no status, the connection is cut.
    let cases = [
        ("PUT", Some(507), Effect::NotApplied(Temporary)),
        ("PUT", None, Effect::NotApplied(Temporary)),
        ("MOVE", Some(401), Effect::NotApplied(Permanent)),
        ("MOVE", Some(423), Effect::NotApplied(Temporary)),
        ("MOVE", Some(500), Effect::Unknown),
        ("MOVE", None, Effect::Unknown),
    ];
    for (method, status, effect) in cases {
        let server = Server::start(move |request| match status {
            _ if !request.is(method, "") => good(request),
            Some(status) => answer(status, "why"),
            None => Reply::Cut,
        });
        let error = put(&server).await.unwrap_err();
        let words = status.map(|status| format!("the server answered {status}: why")).unwrap_or_default();
        assert_eq!(error.effect(), effect, "{method}: {error}");
        assert!(error.to_string().starts_with(&words), "{error}");
        assert_eq!(changes(&server).last().unwrap(), "DELETE /.warehouse-sink", "{:?}", server.lines());
    }
}
