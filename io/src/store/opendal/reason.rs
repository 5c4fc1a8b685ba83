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
            "" => f.write_str(self.0.kind().into_static()),
            message => f.write_str(&one_line(message)),
        }
    }
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
