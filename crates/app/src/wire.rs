//! How values travel between page and server: as JSON, both in server functions and in what a page was rendered with.
//!
//! In the browser they are read by a reader of our own (`tree`), for the sake of the script's size.

#[cfg(any(feature = "hydrate", test))]
mod tree;

use std::future::Future;

use leptos::{
    server::{
        Resource, SharedValue,
        codee::{Decoder, Encoder},
    },
    server_fn::{Bytes, ContentType, Decodes, Encodes, Format, FormatType, codec::Post},
};
use serde::{Serialize, de::DeserializeOwned};

#[cfg(feature = "hydrate")]
use self::tree::Unreadable;
#[cfg(not(feature = "hydrate"))]
use serde_json::Error as Unreadable;

/// JSON.
#[derive(Debug)]
pub struct Json;

/// A server function's arguments and answer: JSON in the body of a POST.
pub type PostJson = Post<Json>;

/// What a page loads: on the server for the first paint, which the browser is sent along, and in the browser after that.
pub type Loaded<T> = Resource<T, Json>;

/// Loads again whenever `source` changes.
pub fn load<S, T, Fut>(
    source: impl Fn() -> S + Send + Sync + 'static,
    fetcher: impl Fn(S) -> Fut + Send + Sync + 'static,
) -> Loaded<T>
where
    S: PartialEq + Clone + Send + Sync + 'static,
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
    Fut: Future<Output = T> + Send + 'static,
{
    Resource::new_with_options(source, fetcher, false)
}

/// A value that only the server knows, as the page was rendered with it.
pub fn of_the_server<T: Serialize + DeserializeOwned>(value: impl FnOnce() -> T) -> T {
    SharedValue::<T, Json>::new_with_encoding(value).into_inner()
}

impl ContentType for Json {
    const CONTENT_TYPE: &'static str = "application/json";
}

impl FormatType for Json {
    const FORMAT_TYPE: Format = Format::Text;
}

impl<T: Serialize> Encodes<T> for Json {
    type Error = serde_json::Error;

    fn encode(value: &T) -> Result<Bytes, serde_json::Error> {
        serde_json::to_vec(value).map(Bytes::from)
    }
}

impl<T: DeserializeOwned> Decodes<T> for Json {
    type Error = Unreadable;

    fn decode(bytes: Bytes) -> Result<T, Unreadable> {
        read(&bytes)
    }
}

impl<T: Serialize> Encoder<T> for Json {
    type Error = serde_json::Error;
    type Encoded = String;

    fn encode(value: &T) -> Result<String, serde_json::Error> {
        serde_json::to_string(value)
    }
}

impl<T: DeserializeOwned> Decoder<T> for Json {
    type Error = Unreadable;
    type Encoded = str;

    fn decode(text: &str) -> Result<T, Unreadable> {
        read(text.as_bytes())
    }
}

#[cfg(not(feature = "hydrate"))]
fn read<T: DeserializeOwned>(json: &[u8]) -> Result<T, Unreadable> {
    serde_json::from_slice(json)
}

#[cfg(feature = "hydrate")]
fn read<T: DeserializeOwned>(json: &[u8]) -> Result<T, Unreadable> {
    T::deserialize(tree::Tree::parse(json)?)
}
