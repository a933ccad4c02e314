//! Bytes as a source of choices. What is missing at the end reads as zero.

/// What is left of the input.
pub(crate) struct Input<'a>(&'a [u8]);

#[cfg_attr(
    not(feature = "parties"),
    expect(dead_code, reason = "a server and a phone choose more")
)]
impl<'a> Input<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// So many bytes, or what is left.
    pub(crate) fn bytes(&mut self, count: usize) -> &'a [u8] {
        let (taken, left) = self.0.split_at(count.min(self.0.len()));
        self.0 = left;
        taken
    }

    /// Bytes with their length before them, in two bytes.
    pub(crate) fn piece(&mut self) -> &'a [u8] {
        let count = self.u16();
        self.bytes(count.into())
    }

    pub(crate) fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut array = [0; N];
        for (to, from) in array.iter_mut().zip(self.bytes(N)) {
            *to = *from;
        }
        array
    }

    pub(crate) fn u8(&mut self) -> u8 {
        u8::from_be_bytes(self.array())
    }

    pub(crate) fn u16(&mut self) -> u16 {
        u16::from_be_bytes(self.array())
    }

    /// Small numbers often, and every other one too: the first byte says which, and 255 reads eight
    /// more.
    pub(crate) fn number(&mut self) -> u64 {
        match self.u8() {
            u8::MAX => u64::from_be_bytes(self.array()),
            small => small.into(),
        }
    }

    /// One of these.
    pub(crate) fn choice<'b, T>(&mut self, of: &'b [T]) -> Option<&'b T> {
        let index = usize::from(self.u8()).checked_rem(of.len())?;
        of.get(index)
    }

    pub(crate) fn rest(self) -> &'a [u8] {
        self.0
    }
}
