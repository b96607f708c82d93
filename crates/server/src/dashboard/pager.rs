//! The pages of a list: [`Pager`].

use std::ops::Range;

/// Number of rows on a page.
pub(super) const PAGE_LENGTH: usize = 50;

/// A page of a list, with the addresses of its neighbours.
pub(super) struct Pager {
    page: usize,
    total: usize,
    pub(super) previous: Option<String>,
    pub(super) next: Option<String>,
}

impl Pager {
    /// Returns the page of this number, or the last one if the list is shorter.
    pub(super) fn new(page: usize, total: usize, address: impl Fn(usize) -> String) -> Self {
        let pages = total.div_ceil(PAGE_LENGTH).max(1);
        let page = page.clamp(1, pages);
        let previous = (page > 1).then(|| address(page - 1));
        let next = (page < pages).then(|| address(page + 1));
        Self { page, total, previous, next }
    }

    pub(super) fn page(&self) -> usize {
        self.page
    }

    /// Returns the places of the rows in the list, from 0.
    pub(super) fn rows(&self) -> Range<usize> {
        let first = (self.page - 1) * PAGE_LENGTH;
        first..(first + PAGE_LENGTH).min(self.total)
    }

    /// Returns the rows in words, such as `51 to 100 of 1,000`.
    pub(super) fn words(&self) -> String {
        let rows = self.rows();
        if self.total <= PAGE_LENGTH {
            return grouped(self.total);
        }
        format!("{} to {} of {}", grouped(rows.start + 1), grouped(rows.end), grouped(self.total))
    }
}

/// Writes a number with a comma after each thousand.
fn grouped(number: usize) -> String {
    if number < 1_000 {
        number.to_string()
    } else {
        format!("{},{:03}", grouped(number / 1_000), number % 1_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_knows_its_rows_and_its_neighbours() {
        for (page, total, words, rows, neighbours) in [
            (1, 0, "0", 0..0, [None, None]),
            (1, 50, "50", 0..50, [None, None]),
            (1, 51, "1 to 50 of 51", 0..50, [None, Some("2")]),
            (2, 51, "51 to 51 of 51", 50..51, [Some("1"), None]),
            (9, 51, "51 to 51 of 51", 50..51, [Some("1"), None]),
            (21, 1_234_567, "1,001 to 1,050 of 1,234,567", 1_000..1_050, [Some("20"), Some("22")]),
            (usize::MAX, 1, "1", 0..1, [None, None]),
        ] {
            let pager = Pager::new(page, total, |page| page.to_string());
            assert_eq!((pager.words().as_str(), pager.rows()), (words, rows));
            assert_eq!([pager.previous.as_deref(), pager.next.as_deref()], neighbours);
        }
    }
}
