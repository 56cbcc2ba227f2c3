//! A page of a list. How it is asked for, and which numbers are refused or brought into their bounds, is each
//! service's.

/// Which part of a list is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Counted from 1; 1 where the service's pages have no numbers.
    pub number: usize,
    /// Most items on it.
    pub size: usize,
    /// Items before it.
    pub offset: usize,
}

impl Page {
    /// The page with a number, counted from 1.
    pub const fn numbered(number: usize, size: usize) -> Self {
        Self {
            number,
            size,
            offset: number.saturating_sub(1).saturating_mul(size),
        }
    }

    /// The page behind so many items.
    pub const fn behind(offset: usize, size: usize) -> Self {
        Self {
            number: 1,
            size,
            offset,
        }
    }

    /// Its part of a list.
    pub fn cut<T>(self, items: impl IntoIterator<Item = T>) -> Vec<T> {
        items
            .into_iter()
            .skip(self.offset)
            .take(self.size)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Page;

    proptest! {
        #[test]
        fn the_pages_of_a_list_are_the_list(count in 0_usize..300, size in 1_usize..=100) {
            let items: Vec<usize> = (0..count).collect();
            let numbered = (1..).map(|number| Page::numbered(number, size).cut(items.clone()));
            let read: Vec<usize> = numbered.take_while(|page| !page.is_empty()).flatten().collect();
            prop_assert_eq!(&read, &items);
            let behind = (0..=count).step_by(size).flat_map(|offset| Page::behind(offset, size).cut(items.clone()));
            prop_assert_eq!(behind.collect::<Vec<_>>(), items);
        }
    }

    #[test]
    fn a_page_far_behind_the_list_is_empty() {
        assert_eq!(Page::numbered(usize::MAX, 50).cut([1]), [0; 0]);
        assert_eq!(Page::behind(usize::MAX, usize::MAX).cut([1]), [0; 0]);
    }
}
