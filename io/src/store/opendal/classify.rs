//! What an error says about the object, as far as it can be known.
//!
//! The rule: `NotApplied` needs a proof, everything else is `Unknown`. An `Unknown` costs one more write of the same bytes
//! under the same key; a wrong `NotApplied` costs rows that are written twice, because their messages are given back and
//! come again in other batches.
//!
//! | what came back                                                | effect                  |
//! |---------------------------------------------------------------|-------------------------|
//! | no connection, or an error before the closing request          | not applied, temporary¹ |
//! | 4xx                                                            | not applied, permanent² |
//! | 408, 409, 425, 429; `RequestTimeout`, `SlowDown` of any status | not applied, temporary  |
//! | 501                                                            | not applied, permanent  |
//! | 507                                                            | not applied, temporary  |
//! | 499 (R2 when a connection broke), 500, 502, 503, 504, any 2xx  | unknown                 |
//! | no answer                                                      | unknown                 |
//!
//! ¹ Permanent where the service calls it so: refused credentials, a missing bucket, a setting that it cannot use.
//! ² Refused credentials and a missing bucket may be put right by an operator, but not within the seconds that a retry
//! waits. As permanent failures their messages are given back at once, with a growing delay, and come again.
//!
//! A 503 without S3's `SlowDown` is not taken as a refusal: proxies answer 503 when the server behind them broke the
//! connection, with the request already delivered.

use std::error::Error as StdError;
use std::io;

use opendal::ErrorKind;
use warehouse_sink_core::Failure::{Permanent, Temporary};

use super::transport::Commit;
use crate::store::Effect;

/// What an error of an HTTP service says, given what became of the request that creates the object.
pub(super) fn http(commit: Commit, error: &opendal::Error) -> Effect {
    match commit {
        Commit::NotSent => before_commit(error),
        Commit::Lost => Effect::Unknown,
        Commit::Answered(status) => answered(status, error),
    }
}

fn before_commit(error: &opendal::Error) -> Effect {
    if error.is_temporary() {
        return Effect::NotApplied(Temporary);
    }
    match error.kind() {
        ErrorKind::ConfigInvalid
        | ErrorKind::NotFound
        | ErrorKind::PermissionDenied
        | ErrorKind::Unsupported
        | ErrorKind::IsADirectory
        | ErrorKind::NotADirectory => Effect::NotApplied(Permanent),
        // Among these are credentials that could not be fetched just now, which OpenDAL does not tell apart.
        _ => Effect::NotApplied(Temporary),
    }
}

fn answered(status: u16, error: &opendal::Error) -> Effect {
    match (status, error.kind()) {
        (400..=599, ErrorKind::RateLimited) => Effect::NotApplied(Temporary),
        (499, _) => Effect::Unknown,
        (408 | 409 | 425 | 429 | 507, _) => Effect::NotApplied(Temporary),
        (400..=498, _) if error.is_temporary() => Effect::NotApplied(Temporary),
        (300..=498 | 501, _) => Effect::NotApplied(Permanent),
        _ => Effect::Unknown,
    }
}

/// Where a write to the local file system stood when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The file was being written under its temporary name.
    Write,
    /// The file was being synced and renamed.
    Close,
}

/// What an error of the local file system says.
pub(super) fn local(step: Step, error: &opendal::Error) -> Effect {
    match error.source().and_then(|source| source.downcast_ref::<io::Error>()) {
        Some(error) => local_io(step, error),
        None if step == Step::Write => before_commit(error),
        None => Effect::Unknown,
    }
}

/// What an error of the operating system says.
pub(super) fn local_io(step: Step, error: &io::Error) -> Effect {
    use io::ErrorKind as Kind;
    match (step, error.kind()) {
        // These are said by the system before it does anything, also of a rename. `NotFound` is not among them: a network
        // file system says it of a rename whose first answer was lost and that was sent again.
        (_, Kind::StorageFull | Kind::QuotaExceeded) => Effect::NotApplied(Temporary),
        (
            _,
            Kind::PermissionDenied
            | Kind::ReadOnlyFilesystem
            | Kind::NotADirectory
            | Kind::IsADirectory
            | Kind::InvalidFilename
            | Kind::FileTooLarge
            | Kind::CrossesDevices,
        ) => Effect::NotApplied(Permanent),
        (Step::Write, _) => Effect::NotApplied(Temporary),
        // What is left is mostly EIO, and on a network file system a lost answer: the rename may have happened.
        (Step::Close, _) => Effect::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(kind: ErrorKind) -> opendal::Error {
        opendal::Error::new(kind, "")
    }

    #[test]
    fn an_answer_is_a_refusal_only_when_it_proves_one() {
        let unexpected = || error(ErrorKind::Unexpected);
        for (status, error, effect) in [
            (400, unexpected(), Effect::NotApplied(Permanent)),
            (400, unexpected().set_temporary(), Effect::NotApplied(Temporary)),
            (403, error(ErrorKind::PermissionDenied), Effect::NotApplied(Permanent)),
            (404, error(ErrorKind::ConfigInvalid), Effect::NotApplied(Permanent)),
            (409, error(ErrorKind::Conflict), Effect::NotApplied(Temporary)),
            (429, error(ErrorKind::RateLimited), Effect::NotApplied(Temporary)),
            (499, unexpected(), Effect::Unknown),
            (500, unexpected().set_temporary(), Effect::Unknown),
            (501, unexpected(), Effect::NotApplied(Permanent)),
            (502, unexpected().set_temporary(), Effect::Unknown),
            (503, unexpected().set_temporary(), Effect::Unknown),
            (503, error(ErrorKind::RateLimited), Effect::NotApplied(Temporary)),
            (504, unexpected().set_temporary(), Effect::Unknown),
            (507, unexpected(), Effect::NotApplied(Temporary)),
            // A closing request of a multipart upload may be answered 200 with an error in the body.
            (200, unexpected(), Effect::Unknown),
            (200, error(ErrorKind::RateLimited), Effect::Unknown),
        ] {
            assert_eq!(http(Commit::Answered(status), &error), effect, "{status} {error}");
        }
    }

    #[test]
    fn without_the_closing_request_nothing_was_applied() {
        let lost = error(ErrorKind::Unexpected).set_temporary();
        assert_eq!(http(Commit::NotSent, &lost), Effect::NotApplied(Temporary));
        assert_eq!(http(Commit::Lost, &lost), Effect::Unknown);
        let refused = error(ErrorKind::PermissionDenied);
        assert_eq!(http(Commit::NotSent, &refused), Effect::NotApplied(Permanent));
    }

    #[test]
    fn a_file_that_was_not_renamed_is_not_there() {
        let os = |kind: io::ErrorKind| opendal::Error::new(ErrorKind::Unexpected, "").set_source(io::Error::from(kind));
        for (step, kind, effect) in [
            (Step::Write, io::ErrorKind::StorageFull, Effect::NotApplied(Temporary)),
            (Step::Close, io::ErrorKind::StorageFull, Effect::NotApplied(Temporary)),
            (Step::Close, io::ErrorKind::QuotaExceeded, Effect::NotApplied(Temporary)),
            (Step::Write, io::ErrorKind::PermissionDenied, Effect::NotApplied(Permanent)),
            (Step::Close, io::ErrorKind::ReadOnlyFilesystem, Effect::NotApplied(Permanent)),
            (Step::Write, io::ErrorKind::Other, Effect::NotApplied(Temporary)),
            (Step::Write, io::ErrorKind::NotFound, Effect::NotApplied(Temporary)),
            (Step::Close, io::ErrorKind::NotFound, Effect::Unknown),
            (Step::Close, io::ErrorKind::Other, Effect::Unknown),
        ] {
            assert_eq!(local(step, &os(kind)), effect, "{step:?} {kind:?}");
        }
        assert_eq!(local(Step::Close, &error(ErrorKind::Unexpected)), Effect::Unknown);
    }
}
