//! Uploads that are refused before they have arrived: the rest is read and thrown away while the answer goes out. A
//! connection that is closed with unread data in it is reset, and client or proxy lose the answer (a 502 in place of a 401).

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::header;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// How long the rest may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Has the body of a request read to its end, whoever answers before.
pub(super) async fn drain_body(request: Request) -> Request {
    // Who asks first whether to send the body does not send it once there is an answer.
    let asks = request.headers().contains_key(header::EXPECT);
    if asks || request.body().is_end_stream() { request } else { request.map(|body| Body::new(Draining(body))) }
}

struct Draining(Body);

impl HttpBody for Draining {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Pin::new(&mut self.0).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

impl Drop for Draining {
    fn drop(&mut self) {
        let (false, Ok(runtime)) = (self.is_end_stream(), tokio::runtime::Handle::try_current()) else { return };
        let mut rest = std::mem::take(&mut self.0);
        runtime.spawn(tokio::time::timeout(PATIENCE, async move { while let Some(Ok(_)) = rest.frame().await {} }));
    }
}
