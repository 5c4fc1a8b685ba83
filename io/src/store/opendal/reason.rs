//! OpenDAL's errors without the request and the response, which they print in full before they come to the point.

use std::error::Error;
use std::fmt;

use crate::store::one_line;

/// What OpenDAL says went wrong: its own words in one bounded line, and the cause behind them.
#[derive(Debug)]
pub struct Reason(Box<opendal::Error>);

impl From<opendal::Error> for Reason {
    fn from(error: opendal::Error) -> Self {
        Reason(Box::new(error))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.message() {
            "" => f.write_str(self.0.kind().into_static())?,
            message => f.write_str(&one_line(message))?,
        }
        match hint(&self.0) {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// What to look at, where the words behind an error name only what a library stumbled over.
fn hint(error: &opendal::Error) -> Option<&'static str> {
    const HINTS: &[(&[&str], &str)] = &[
        (
            &["InvalidContentType", "wrong version number"],
            "the server answers without TLS: is storage.options.endpoint to begin with http://?",
        ),
        (
            &[
                "HTTP request to an HTTPS server",
                "plain HTTP request was sent to HTTPS port",
                "invalid HTTP version parsed",
            ],
            "the server there speaks TLS: is storage.options.endpoint to begin with https://?",
        ),
        (
            &["UnknownIssuer"],
            "no authority that is trusted has signed the server's certificate: set storage.tls_ca_file",
        ),
        (
            &["failed to load signing credential"],
            "no credentials were found: set them in storage.options, such as access_key_id and secret_access_key of s3, credential_path of \
             gcs, or account_name and account_key of azblob, or give the process an identity",
        ),
    ];
    let (mut words, mut cause) = (error.message().to_owned(), error.source());
    while let Some(error) = cause {
        words.push_str(&format!(" {error}"));
        cause = error.source();
    }
    HINTS.iter().find(|(said, _)| said.iter().any(|said| words.contains(said))).map(|(_, hint)| *hint)
}

impl Error for Reason {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_its_words_and_its_cause() {
        let error = opendal::Error::new(opendal::ErrorKind::Unexpected, "no\nspace")
            .with_context("response", "headers and more headers")
            .set_source(std::io::Error::other("disk"));
        let reason = Reason::from(error);
        assert_eq!(reason.to_string(), "no space");
        assert_eq!(reason.source().unwrap().to_string(), "disk");
        let bare = Reason::from(opendal::Error::new(opendal::ErrorKind::NotFound, ""));
        assert_eq!(bare.to_string(), "NotFound");
    }
}
