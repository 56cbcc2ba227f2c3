//! What counts as given.

/// A text that was given: vendors' clients send an empty one for none.
pub fn given(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::given;

    #[test]
    fn an_empty_text_is_none() {
        assert_eq!(given(None), None);
        assert_eq!(given(Some(&String::new())), None);
        assert_eq!(given(Some(&" ".to_owned())), Some(" "));
    }
}
