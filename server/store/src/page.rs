//! Keyset paging.

/// Which page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest {
    /// At most so many items.
    pub size: u32,
    /// The key of the last item of the page before, empty for the first page. Opaque to callers.
    pub after: Vec<u8>,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageOf<T> {
    /// The items, in the list's order.
    pub items: Vec<T>,
    /// For the next page; `None` when this is the last.
    pub next: Option<Vec<u8>>,
}
