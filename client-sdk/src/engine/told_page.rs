//! A page as it came, and what of it goes without saying.

use askel_proto::v1;
use askel_sync::{
    frame::ENCODING,
    id::StreamId,
    short::ShortPage,
    stream::{StreamKey, StreamSum, listed::day_handle},
};

use super::{Engine, asked::Asked, row::StreamRow};
use crate::{Cause, Error};

/// A page as it came.
#[derive(Debug, Clone)]
pub(crate) enum ToldPage {
    Full(v1::Page),
    /// In few bytes.
    Short(Vec<u8>),
}

/// What a page says of the sum at its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ToldSum {
    Nothing,
    Whole(u64),
    /// Its lowest four bytes.
    Lowest(u32),
}

impl ToldSum {
    pub(super) fn fits(self, sum: StreamSum) -> bool {
        match self {
            Self::Nothing => true,
            Self::Whole(told) => told == sum.bits(),
            Self::Lowest(told) => told == ShortPage::sum_of(sum),
        }
    }
}

impl Engine {
    /// The handle of a page's stream. That of a place's day follows from the catalog's, unless its first
    /// page tells another.
    pub(super) fn told_handle(&self, page: &v1::Page, row: &StreamRow) -> Result<StreamId, Cause> {
        let first_of_listed = page.stream_index > 0 && row.position == 0;
        match (&*page.stream_id, self.model.stream_key(row)) {
            (id, _) if first_of_listed && !id.is_empty() => {
                StreamId::try_from(id).map_err(|_| Cause::Answer("a page of no stream"))
            }
            (_, Some(StreamKey::PlaceDay(place, date))) if first_of_listed => {
                let catalog = self.model.stream_by_key(StreamKey::Catalog);
                let catalog = catalog.and_then(|(_, row)| row.id);
                catalog
                    .map(|catalog| day_handle(catalog, place, date))
                    .ok_or(Cause::Answer("a place's day before any catalog"))
            }
            _ => row
                .id
                .ok_or(Cause::Answer("a page of a stream without a handle")),
        }
    }

    /// A page with all that goes without saying, and its sum.
    pub(super) fn spelled_out(
        &self,
        told: ToldPage,
        asked: &Asked,
    ) -> Result<(v1::Page, ToldSum), Error> {
        let short = match told {
            ToldPage::Full(page) => {
                let sum = match page.sum {
                    0 => ToldSum::Nothing,
                    sum => ToldSum::Whole(sum),
                };
                return Ok((page, sum));
            }
            ToldPage::Short(bytes) => {
                ShortPage::from_bytes(&bytes).ok_or(Cause::Answer("a page that can't be read"))?
            }
        };
        let stream = asked.stream(short.stream_index);
        let stream = stream.and_then(|stream| self.model.streams.get(&stream.row));
        let stream = stream.ok_or(Cause::Answer("a page of a stream not asked for"))?;
        let page = v1::Page {
            stream_index: short.stream_index,
            reader_context: short.reader_context,
            mac: short.mac.to_vec(),
            encoding: ENCODING,
            columns: short.columns,
            context_ops: match self.model.stream_key(stream) {
                Some(StreamKey::Participant(_)) => asked.context_ops,
                _ => 0,
            },
            ..v1::Page::default()
        };
        Ok((page, ToldSum::Lowest(short.sum)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_fits_by_as_much_as_was_told() {
        let sum = StreamSum::from_bits(0x1122_3344_5566_7788);
        assert!(ToldSum::Nothing.fits(sum));
        assert!(ToldSum::Whole(0x1122_3344_5566_7788).fits(sum));
        assert!(!ToldSum::Whole(0x5566_7788).fits(sum));
        assert!(ToldSum::Lowest(0x5566_7788).fits(sum));
        assert!(!ToldSum::Lowest(0x5566_7789).fits(sum));
    }
}
