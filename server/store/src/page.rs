//! Keyset paging. A key that no page gave yields an empty page.

/// Which page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// At most so many items.
    pub size: u32,
    /// The key of the last item of the page before, empty for the first page. Opaque to callers.
    pub after: Vec<u8>,
}

impl PageRequest {
    /// How many items to fetch: one more than the page holds, to see whether it is the last. A page
    /// holds at least one.
    pub fn fetch(&self) -> u32 {
        self.size.max(1).saturating_add(1)
    }
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageOf<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// For the next page; `None` when this is the last.
    pub next: Option<Vec<u8>>,
}

impl<T> PageOf<T> {
    /// Cuts [`PageRequest::fetch`] items to a page; `key` tells an item's key.
    pub fn cut(mut items: Vec<T>, request: &PageRequest, key: impl Fn(&T) -> Vec<u8>) -> Self {
        let size = usize::try_from(request.size.max(1)).unwrap_or(usize::MAX);
        let more = items.len() > size;
        items.truncate(size);
        let next = if more { items.last().map(key) } else { None };
        Self { items, next }
    }

    /// The page after a key that no page gave.
    pub fn empty() -> Self {
        Self {
            items: Vec::new(),
            next: None,
        }
    }
}
