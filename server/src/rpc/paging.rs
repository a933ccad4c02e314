//! Pages of lists: sizes within bounds, tokens that say nothing.

use askel_store::PageRequest;
use data_encoding::BASE64URL_NOPAD;

use crate::{
    app::AppError,
    limits::{PAGE_ITEMS_DEFAULT, PAGE_ITEMS_MAX},
};

/// The page asked for; a size of 0 is the default, one above the limit is the limit.
pub(super) fn request(size: i32, token: &str) -> Result<PageRequest, AppError> {
    let size = u32::try_from(size).map_err(|_| AppError::field("page_size", "is negative"))?;
    let size = if size == 0 {
        PAGE_ITEMS_DEFAULT
    } else {
        size.min(PAGE_ITEMS_MAX)
    };
    let after = BASE64URL_NOPAD
        .decode(token.as_bytes())
        .map_err(|_| AppError::field("page_token", "is not one that was told"))?;
    Ok(PageRequest { size, after })
}

/// The token of the next page, empty for none.
pub(super) fn token(next: Option<Vec<u8>>) -> String {
    next.map(|key| BASE64URL_NOPAD.encode(&key))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_at_least_one_and_at_most_a_hundred_items() {
        let size = |size| request(size, "").map(|page| page.size).ok();
        let sizes = [size(-1), size(0), size(1), size(100), size(101)];
        assert_eq!(sizes, [None, Some(50), Some(1), Some(100), Some(100)]);
    }

    #[test]
    fn a_token_is_read_back() {
        let token = token(Some(vec![1, 2, 3]));
        assert_eq!(request(1, &token).expect("good").after, [1, 2, 3]);
        assert!(request(1, "no token!").is_err());
    }
}
