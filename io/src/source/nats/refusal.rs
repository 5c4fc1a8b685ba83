//! What a failed connection means, in words: who refused what, and which setting to look at.
//!
//! async-nats tells of a failure to connect again as text alone, and the texts below are its own, rustls' and nats-server's.
//! One that is not known here is passed on as it is.

use super::NatsConfig;

/// Says why there is no connection to `server`, the text of the client's error being `error`.
pub(super) fn explain(server: &str, error: &str, config: &NatsConfig) -> String {
    let text = error.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let tls = &config.tls;
    // The client's name for what Login::answer could not do.
    if let Some((_, reason)) = error.split_once("AuthError(") {
        return format!("{server} was not asked: {}", reason.trim_end_matches(')'));
    }
    let meaning = if has(&["authorization violation", "authentication expired"]) {
        format!("refused {}", config.login.refused())
    } else if has(&["unknownissuer", "badsignature", "could not load platform certs"]) {
        match &tls.ca_file {
            Some(file) => {
                format!("has a certificate of an authority that is not in nats.tls_ca_file ({})", file.display())
            }
            None => {
                "has a certificate of an authority that this system does not trust; set nats.tls_ca_file".to_owned()
            }
        }
    } else if has(&["notvalidforname"]) {
        "has a certificate for another name than the one in nats.url".to_owned()
    } else if has(&["certificate: expired", "notvalidyet"]) {
        "has a certificate that is not valid today".to_owned()
    } else if has(&["invalidcontenttype", "corrupt message"]) {
        "does not speak TLS, which nats.tls_required or a tls:// in nats.url demands".to_owned()
    } else if has(&["could not load", "could not add certificate"]) {
        "was not asked: a file of nats.tls_ca_file, nats.tls_cert_file or nats.tls_key_file can't be used".to_owned()
    } else if has(&[
        "received fatal alert",
        "broken pipe",
        "connection reset",
        "unexpected end of file",
        "close_notify",
    ]) {
        ended(config)
    } else {
        return format!("{server}: {error}");
    };
    format!("{server} {meaning} ({error})")
}

/// The server has ended a connection that it had taken. With TLS 1.3 it says so only after the handshake, and if the connection
/// breaks before that is read, not at all.
fn ended(config: &NatsConfig) -> String {
    match &config.tls.client {
        Some((certificate, _)) => format!(
            "ended the connection; if it checks client certificates, it does not trust nats.tls_cert_file ({})",
            certificate.display()
        ),
        None => {
            "ended the connection; if it demands a client certificate, set nats.tls_cert_file and nats.tls_key_file"
                .to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::source::nats::{Login, Secret, Tls};

    #[test]
    fn what_is_known_is_put_into_words_and_the_rest_passed_on() {
        let mut config = NatsConfig {
            login: Login::Token(Secret::text("nats.token", "hunter2")),
            tls: Tls { ca_file: Some(PathBuf::from("ca.pem")), ..Tls::default() },
            ..crate::source::nats::review::tests::wanted()
        };
        let said = explain("nats://a:4222", "authorization violation: nats: authorization violation", &config);
        assert!(said.starts_with("nats://a:4222 refused the token; check nats.token ("), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
        let said = explain("tls://a:4222", "IO error: invalid peer certificate: UnknownIssuer", &config);
        assert!(said.contains("not in nats.tls_ca_file (ca.pem)"), "{said}");
        let reset = "IO error: Connection reset by peer (os error 104)";
        assert!(explain("tls://a:4222", reset, &config).contains("set nats.tls_cert_file and nats.tls_key_file"));
        config.tls.client = Some((PathBuf::from("client.pem"), PathBuf::from("client.key")));
        assert!(explain("tls://a:4222", reset, &config).contains("does not trust nats.tls_cert_file (client.pem)"));
        let unread = "failed signing nonce: AuthError(nats.token_file (/run/t): is empty)";
        assert_eq!(
            explain("nats://a:4222", unread, &config),
            "nats://a:4222 was not asked: nats.token_file (/run/t): is empty"
        );
        assert_eq!(explain("nats://a:4222", "timed out", &config), "nats://a:4222: timed out");
    }
}
