//! Google Cloud Storage and Azure Blob Storage: an object of any size is one request, and what their answers say.

use bytes::Bytes;
use warehouse_sink_core::Failure::{Permanent, Temporary};

use super::super::ObjectStore;
use super::options;
use super::server::{Reply, Server, answer};
use crate::parts::{PART_BYTES, Part, Parts};
use crate::store::{Effect, Store};

fn gcs(endpoint: &str) -> ObjectStore {
    let options = options(&[("bucket", "bucket"), ("endpoint", endpoint), ("token", "token")]);
    ObjectStore::open("gcs", &options, None).unwrap()
}

fn azblob(endpoint: &str) -> ObjectStore {
    let endpoint = format!("{endpoint}/account");
    let login = [("account_name", "account"), ("account_key", "a2V5")];
    let options = options(&[&[("container", "bucket"), ("endpoint", endpoint.as_str())], &login[..]].concat());
    ObjectStore::open("azblob", &options, None).unwrap()
}

/// What Google Cloud Storage says of an object that it took; OpenDAL compares the size.
fn taken(bytes: usize) -> String {
    format!(
        r#"{{"name": "key", "size": "{bytes}", "updated": "2026-11-24T00:00:00Z", "etag": "e", "generation": "1"}}"#
    )
}

#[tokio::test]
async fn a_large_object_is_one_request() {
    let body = Bytes::from(vec![7; 2 * PART_BYTES + 5]);
    let server = Server::start(|request| answer(200, &taken(request.body.len())));
    gcs(&server.endpoint).put("a b/x=1/key", body.clone()).await.unwrap();
    assert_eq!(server.lines(), ["POST /upload/storage/v1/b/bucket/o?uploadType=media&name=a%20b%2Fx%3D1%2Fkey"]);
    assert!(server.requests()[0].body == body);

    let server = Server::start(|_| answer(201, ""));
    azblob(&server.endpoint).put("a b/x=1/key", body.clone()).await.unwrap();
    assert_eq!(server.lines(), ["PUT /account/bucket/a%20b/x%3D1/key"]);
    assert!(server.requests()[0].body == body);
}

#[tokio::test]
async fn an_answer_is_a_refusal_only_when_it_proves_one() {
    for (status, body, effect) in [
        (400, "", Effect::NotApplied(Permanent)),
        (401, "", Effect::NotApplied(Permanent)),
        (403, "", Effect::NotApplied(Permanent)),
        (404, "", Effect::NotApplied(Permanent)),
        (409, "", Effect::NotApplied(Temporary)),
        (429, "", Effect::NotApplied(Temporary)),
        (500, "<Error><Code>OperationTimedOut</Code><Message>m</Message></Error>", Effect::Unknown),
        (503, r#"{"error": {"code": 503, "message": "m", "errors": [{"reason": "backendError"}]}}"#, Effect::Unknown),
        (503, "<Error><Code>ServerBusy</Code><Message>m</Message></Error>", Effect::Unknown),
        (504, "", Effect::Unknown),
    ] {
        for open in [gcs, azblob] {
            let server = Server::start(move |_| answer(status, body));
            let error = open(&server.endpoint).put("key", Bytes::from_static(b"body")).await.unwrap_err();
            assert_eq!(error.effect(), effect, "{status} {body}: {error}");
            assert_eq!(server.requests().len(), 1, "one attempt for each call");
        }
    }
}

#[tokio::test]
async fn no_answer_leaves_it_unknown() {
    for open in [gcs, azblob] {
        let server = Server::start(|_| Reply::Cut);
        let error = open(&server.endpoint).put("key", Bytes::from_static(b"body")).await.unwrap_err();
        assert_eq!(error.effect(), Effect::Unknown, "{error}");
    }
}

/// Its length has to be known, so it is sent when all of it is there.
#[tokio::test]
async fn an_object_that_comes_in_parts_is_one_request() {
    for open in [gcs, azblob] {
        for ends in [true, false] {
            let server = Server::start(|request| match request.is("PUT", "") {
                true => answer(201, ""),
                false => answer(200, &taken(request.body.len())),
            });
            let (feed, parts, _) = Parts::new();
            let store = open(&server.endpoint);
            let put = tokio::spawn(async move { store.put_parts("key", parts).await });
            assert!(feed.send(Part::More(Bytes::from(vec![1; PART_BYTES]))).await);
            assert!(feed.send(Part::More(Bytes::from(vec![2; PART_BYTES]))).await);
            if ends {
                assert!(feed.send(Part::Last(Bytes::from_static(&[3]))).await);
            }
            drop(feed);
            let result = put.await.unwrap();
            assert_eq!(server.requests().len(), usize::from(ends), "{:?}", server.lines());
            match ends {
                true => {
                    result.unwrap();
                    let body = [vec![1; PART_BYTES], vec![2; PART_BYTES], vec![3]].concat();
                    assert!(server.requests()[0].body == body);
                }
                false => assert_eq!(result.unwrap_err().effect(), Effect::NotApplied(Permanent)),
            }
        }
    }
}
