//! A stream that would go on for ever does not keep a dashboard from stopping.

use futures::StreamExt;

use crate::process::{Place, client};

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_every_stream_at_once() {
    let place = Place::new();
    let dashboard = place.serve(&[]);
    let stream = client().get(format!("{}/api/events", dashboard.address)).send().await.unwrap();
    assert_eq!(stream.status(), 200);
    let mut chunks = stream.bytes_stream();
    chunks.next().await.unwrap().unwrap();
    let reading = tokio::spawn(async move {
        let mut last = Ok(Default::default());
        while let Some(chunk) = chunks.next().await {
            last = chunk;
        }
        last
    });
    let (status, _, log) = tokio::task::spawn_blocking(move || dashboard.stop("TERM")).await.unwrap();
    assert!(status.success(), "{log}");
    assert!(!log.contains("cut off"), "{log}");
    // To its proper end, not to an error.
    reading.await.unwrap().unwrap();
}
