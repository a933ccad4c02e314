//! The codec of all calls: tonic's for prost with buffers that begin small.
//!
//! tonic's own begin with 8 KiB each way. Most messages have some hundred bytes, a watch keeps its
//! buffer for hours, and a server has one a phone.

use std::marker::PhantomData;

use prost::Message;
use tonic::codec::{BufferSettings, Codec};
use tonic_prost::{ProstCodec, ProstDecoder, ProstEncoder};

/// Bytes that a buffer begins with; it grows to what a message has.
const BUFFER_BYTES: usize = 1_024;
/// Bytes of encoded messages that wait to be sent together.
const YIELD_BYTES: usize = 32 * 1_024;

fn settings() -> BufferSettings {
    BufferSettings::new(BUFFER_BYTES, YIELD_BYTES)
}

/// Encodes `T`, decodes `U`.
#[derive(Debug, Clone)]
pub struct SmallBuffers<T, U> {
    messages: PhantomData<(T, U)>,
}

impl<T, U> Default for SmallBuffers<T, U> {
    fn default() -> Self {
        Self {
            messages: PhantomData,
        }
    }
}

impl<T, U> Codec for SmallBuffers<T, U>
where
    T: Message + Send + 'static,
    U: Message + Default + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = ProstDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstCodec::<T, U>::raw_encoder(settings())
    }

    fn decoder(&mut self) -> Self::Decoder {
        ProstCodec::<T, U>::raw_decoder(settings())
    }
}
