//! A store behind TLS, whose certificate an authority of our own has signed.

use warehouse_sink_testkit::{Authority, GcsServer, NatsServer, Settings, Sink, check, publish, verify};

use super::world::{PROGRAM, SOON, refusal};

#[test]
fn a_certificate_is_taken_from_the_authorities_in_the_file_alone() {
    let [ours, foreign] = ["ours", "foreign"].map(Authority::new);
    let (nats, gcs) = (NatsServer::start(), GcsServer::start_with_tls(ours.server()));
    publish(PROGRAM, &nats, 100, &["--create-stream"]);
    let without = gcs.settings(Settings::new(&nats.url()), &format!("https://{}", gcs.tls_address()));
    let with =
        |authority: &Authority| without.clone().set("storage", "tls_ca_file", authority.file().to_string_lossy());

    for refused in [&without, &with(&foreign)] {
        let said = refusal(refused);
        assert!(said.contains("certificate") && said.contains("storage.tls_ca_file"), "{said}");
    }
    for (scheme, address, meant) in [("https", gcs.address(), "http://"), ("http", gcs.tls_address(), "https://")] {
        let said = refusal(&with(&ours).set("storage.options", "endpoint", format!("{scheme}://{address}")));
        assert!(said.contains(&format!("is storage.options.endpoint to begin with {meant}?")), "{said}");
    }
    let ended = check(PROGRAM, &with(&ours));
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));

    let mut sink = Sink::start(PROGRAM, &with(&ours));
    nats.wait_settled(SOON);
    assert_eq!(sink.stop(SOON), Some(0));
    let remote = verify::Remote {
        service: "gcs",
        address: gcs.address(),
        bucket: GcsServer::BUCKET,
        key: "none",
        secret: "none",
    };
    verify::exact_remote(&nats, remote, &["--expect-count", "100", "--consumer", Settings::CONSUMER]).assert_ok();
}
