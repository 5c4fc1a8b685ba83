//! Uploads in parts: what is sent, and that none is left unfinished.

use std::time::Duration;

use bytes::Bytes;
use warehouse_sink_core::Failure::Temporary;

use super::server::{Reply, Request, Server, answer, refusal};
use super::{eventually, s3};
use crate::parts::{Feed, PART_BYTES, Part, Parts};
use crate::store::{Effect, Store, StoreError};

const CREATED: &str = "<InitiateMultipartUploadResult><UploadId>id</UploadId></InitiateMultipartUploadResult>";
const COMPLETED: &str = "<CompleteMultipartUploadResult><ETag>\"etag\"</ETag></CompleteMultipartUploadResult>";

/// Two whole parts and a bit, no two parts alike.
fn body() -> Bytes {
    (0..2 * PART_BYTES as u32 + 5).map(|number| (number.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

fn creates(request: &Request) -> bool {
    request.is("POST", "?uploads")
}

fn completes(request: &Request) -> bool {
    request.is("POST", "?uploadId=id")
}

fn aborts(request: &Request) -> bool {
    request.is("DELETE", "?uploadId=id")
}

fn part(request: &Request, number: u32) -> bool {
    request.is("PUT", &format!("partNumber={number}&"))
}

fn good(request: &Request) -> Reply {
    if creates(request) {
        answer(200, CREATED)
    } else if completes(request) {
        answer(200, COMPLETED)
    } else if aborts(request) {
        answer(204, "")
    } else {
        Reply::Answer { status: 200, headers: "etag: \"etag\"\r\n", body: String::new() }
    }
}

#[tokio::test]
async fn a_large_object_goes_in_parts() {
    let server = Server::start(good);
    s3(&server.endpoint).put("key", body()).await.unwrap();
    let requests = server.requests();
    assert_eq!(requests.len(), 5, "{:?}", server.lines());
    assert!(creates(&requests[0]) && completes(&requests[4]));
    for number in 1..=3 {
        assert!(part(&requests[number as usize], number));
    }
    let sent: Vec<u8> = requests[1..4].iter().flat_map(|request| request.body.clone()).collect();
    assert!(sent == body(), "the parts make the object");
}

#[tokio::test]
async fn an_object_of_one_part_is_one_request() {
    let server = Server::start(good);
    s3(&server.endpoint).put("key", body().slice(..PART_BYTES)).await.unwrap();
    assert_eq!(server.lines(), ["PUT /bucket/key"]);
}

#[tokio::test]
async fn a_failed_part_did_not_apply_and_is_aborted() {
    for number in 1..=3 {
        for cut in [false, true] {
            let server = Server::start(move |request| match part(request, number) {
                true if cut => Reply::Cut,
                true => refusal(500, "InternalError"),
                false => good(request),
            });
            let error = s3(&server.endpoint).put("key", body()).await.unwrap_err();
            assert_eq!(error.effect(), Effect::NotApplied(Temporary), "part {number}: {error}");
            assert!(server.requests().last().is_some_and(aborts), "{:?}", server.lines());
            assert!(!server.requests().iter().any(completes));
        }
    }
}

#[tokio::test]
async fn a_closing_request_without_a_clear_answer_leaves_it_unknown() {
    let closings: [fn() -> Reply; 3] =
        [|| Reply::Cut, || refusal(500, "InternalError"), || refusal(200, "InternalError")];
    for closing in closings {
        let server = Server::start(move |request| if completes(request) { closing() } else { good(request) });
        let error = s3(&server.endpoint).put("key", body()).await.unwrap_err();
        assert_eq!(error.effect(), Effect::Unknown, "{error}");
        assert!(server.requests().last().is_some_and(aborts), "{:?}", server.lines());
    }
}

#[tokio::test]
async fn a_dropped_upload_is_aborted() {
    const LATE: Duration = Duration::from_secs(2);
    let stalls: [fn(&Request) -> bool; 4] =
        [creates, |request| part(request, 1), |request| part(request, 3), completes];
    for (number, stalls) in stalls.into_iter().enumerate() {
        let server = Server::start(move |request| match stalls(request) {
            true => Reply::Late(LATE, Box::new(good(request))),
            false => good(request),
        });
        let store = s3(&server.endpoint);
        let put = tokio::spawn(async move { store.put("key", body()).await });
        eventually("the request that stalls", || server.requests().iter().any(stalls)).await;
        put.abort();
        assert!(put.await.unwrap_err().is_cancelled());
        eventually("an abort", || server.requests().iter().any(aborts)).await;
        assert!(number == 3 || !server.requests().iter().any(completes), "{:?}", server.lines());
    }
}

#[tokio::test]
async fn closing_the_store_aborts_what_is_under_way() {
    const LATE: Duration = Duration::from_secs(2);
    let server = Server::start(move |request| match part(request, 2) {
        true => Reply::Late(LATE, Box::new(good(request))),
        false => good(request),
    });
    let store = s3(&server.endpoint);
    let put = tokio::spawn({
        let store = store.clone();
        async move { store.put("key", body()).await }
    });
    eventually("the request that stalls", || server.requests().iter().any(|request| part(request, 2))).await;
    store.close().await;
    assert!(server.requests().last().is_some_and(aborts), "{:?}", server.lines());
    assert_eq!(put.await.unwrap().unwrap_err().effect(), Effect::Unknown);
    assert!(!server.requests().iter().any(completes));
}

/// Puts an object in parts; where they go.
fn put_parts(server: &Server) -> (Feed, tokio::task::JoinHandle<Result<(), StoreError>>) {
    let (feed, parts, _) = Parts::new();
    let store = s3(&server.endpoint);
    (feed, tokio::spawn(async move { store.put_parts("key", parts).await }))
}

/// What is sent while more is made, and when.
#[tokio::test]
async fn parts_are_sent_while_the_next_are_made() {
    let server = Server::start(good);
    let (feed, put) = put_parts(&server);
    let (one, two) = (body().slice(..PART_BYTES), body().slice(PART_BYTES..2 * PART_BYTES));
    assert!(feed.send(Part::More(one)).await && feed.send(Part::More(two)).await);
    eventually("the first part", || server.requests().iter().any(|request| part(request, 1))).await;
    assert!(!put.is_finished() && !server.requests().iter().any(completes));
    assert!(feed.send(Part::Last(body().slice(2 * PART_BYTES..))).await);
    put.await.unwrap().unwrap();
    let requests = server.requests();
    assert!(requests.len() == 5 && creates(&requests[0]) && completes(&requests[4]), "{:?}", server.lines());
    let sent: Vec<u8> = requests[1..4].iter().flat_map(|request| request.body.clone()).collect();
    assert!(sent == body(), "the parts make the object");
}

#[tokio::test]
async fn an_object_without_an_end_is_taken_back() {
    for count in [1, 2, 3] {
        let server = Server::start(good);
        let (feed, put) = put_parts(&server);
        for number in 0..count {
            let from = number % 2 * PART_BYTES;
            assert!(feed.send(Part::More(body().slice(from..from + PART_BYTES))).await);
        }
        drop(feed);
        let error = put.await.unwrap().unwrap_err();
        assert_eq!(error.effect(), Effect::NotApplied(warehouse_sink_core::Failure::Permanent), "{error}");
        assert!(!server.requests().iter().any(completes), "{:?}", server.lines());
        // Of one part nothing was sent yet.
        assert!(count == 1 || server.requests().last().is_some_and(aborts), "{:?}", server.lines());
        assert!(count > 1 || server.requests().is_empty(), "{:?}", server.lines());
    }
}

#[tokio::test]
async fn an_upload_that_waits_for_its_encoder_is_aborted_when_it_is_dropped() {
    let server = Server::start(good);
    let (feed, put) = put_parts(&server);
    for number in 0..2 {
        assert!(feed.send(Part::More(body().slice(number * PART_BYTES..(number + 1) * PART_BYTES))).await);
    }
    eventually("the first part", || server.requests().iter().any(|request| part(request, 1))).await;
    put.abort();
    eventually("an abort", || server.requests().iter().any(aborts)).await;
    assert!(!server.requests().iter().any(completes), "{:?}", server.lines());
}
