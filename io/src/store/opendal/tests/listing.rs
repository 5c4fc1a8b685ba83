//! Lists of many pages: each page has its time and its retries, the whole has none.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::super::{ObjectReader, ReadError};
use super::s3;
use super::server::{Reply, Request, Server, answer, refusal};

const PAGES: usize = 8;
const LIMIT: Duration = Duration::from_secs(1);
const RETRY_AFTER: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(50)];

/// Which page is asked for.
fn page(request: &Request) -> usize {
    let token = request.line.split("continuation-token=").nth(1).and_then(|rest| rest.split(['&', ' ']).next());
    token.map_or(0, |number| number.parse().unwrap())
}

/// A page with one object, and where the next one is.
fn list(page: usize) -> Reply {
    let next = match page + 1 {
        PAGES => "<IsTruncated>false</IsTruncated>".to_owned(),
        next => format!("<IsTruncated>true</IsTruncated><NextContinuationToken>{next}</NextContinuationToken>"),
    };
    answer(
        200,
        &format!(
            "<ListBucketResult><Name>bucket</Name>{next}<Contents><Key>events/{page}</Key><Size>{page}</Size>\
             <LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents></ListBucketResult>"
        ),
    )
}

async fn listed(server: &Server) -> Result<Vec<String>, ReadError> {
    let reader = ObjectReader::with_patience(&s3(&server.endpoint).0.login.operator(), LIMIT, RETRY_AFTER);
    let (mut heard, mut calls) = (0, 0);
    let objects = reader.list("events", |so_far| (heard, calls) = (so_far, calls + 1)).await?;
    assert_eq!((heard, calls), (objects.len() as u64, objects.len()), "how far it is was told");
    Ok(objects.into_iter().map(|object| object.key).collect())
}

fn all() -> Vec<String> {
    (0..PAGES).map(|page| format!("events/{page}")).collect()
}

#[tokio::test]
async fn a_list_takes_as_long_as_its_pages_come() {
    let each = LIMIT / 6;
    let server = Server::start(move |request| Reply::Late(each, Box::new(list(page(request)))));
    let start = Instant::now();
    assert_eq!(listed(&server).await.unwrap(), all());
    assert!(start.elapsed() > LIMIT, "the pages were too quick to show anything");
    assert_eq!(server.requests().len(), PAGES);
}

#[tokio::test]
async fn a_page_that_fails_is_asked_for_again_and_no_other() {
    for fails in [|| refusal(503, "SlowDown"), || Reply::Cut, || Reply::Late(4 * LIMIT, Box::new(list(0)))] {
        let failed = AtomicUsize::new(0);
        let server = Server::start(move |request| match page(request) {
            5 if failed.fetch_add(1, Ordering::Relaxed) == 0 => fails(),
            page => list(page),
        });
        assert_eq!(listed(&server).await.unwrap(), all());
        let pages: Vec<_> = server.requests().iter().map(page).collect();
        assert_eq!(pages, [0, 1, 2, 3, 4, 5, 5, 6, 7]);
    }
}

#[tokio::test]
async fn a_page_that_never_comes_ends_the_list() {
    let server = Server::start(|request| match page(request) {
        0 => list(0),
        _ => Reply::Late(Duration::from_secs(60), Box::new(list(1))),
    });
    let error = listed(&server).await.unwrap_err().to_string();
    assert!(error.contains("timeout"), "{error}");
    assert_eq!(server.requests().len(), 6, "one attempt and four more");
}

#[tokio::test]
async fn a_refusal_is_not_asked_again() {
    let server = Server::start(|_| refusal(403, "AccessDenied"));
    let error = listed(&server).await.unwrap_err().to_string();
    assert!(error.contains("AccessDenied"), "{error}");
    assert_eq!(server.requests().len(), 1);
}

/// A list that ended early would be taken for all that there is.
#[tokio::test]
async fn only_the_first_page_can_say_that_there_is_nothing() {
    for (missing, is_empty) in [(0, true), (5, false)] {
        let server = Server::start(move |request| match page(request) {
            page if page == missing => refusal(404, "NoSuchKey"),
            page => list(page),
        });
        let listed = listed(&server).await;
        assert_eq!(listed.is_ok_and(|keys| keys.is_empty()), is_empty, "page {missing}");
    }
}
