//! Lists that have room for so many: what does not fit is counted, and said.

/// The first of a list, as many as there is room for, and how many more there are.
#[must_use]
pub fn first<T>(mut all: Vec<T>, room: usize) -> (Vec<T>, i64) {
    let more = all.len().saturating_sub(room);
    all.truncate(room);
    (all, count(more))
}

/// The newest of a list whose oldest come first, as many as there is room for, and how many more there are.
#[must_use]
pub fn newest<T>(mut all: Vec<T>, room: usize) -> (Vec<T>, i64) {
    let more = all.len().saturating_sub(room);
    all.drain(..more);
    (all, count(more))
}

/// How many there are, as a status says it.
#[must_use]
pub fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// That so many more are not listed, in English and Chinese; nothing where there are none.
#[must_use]
pub fn and_more(more: i64) -> (String, String) {
    if more > 0 { (format!("; and {more} more"), format!("；另有{more}项")) } else { Default::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted() {
        assert_eq!(first(vec![1, 2, 3], 2), (vec![1, 2], 1));
        assert_eq!(newest(vec![1, 2, 3], 2), (vec![2, 3], 1));
        for room in [3, 4] {
            assert_eq!(
                (first(vec![1, 2, 3], room), newest(vec![1, 2, 3], room)),
                ((vec![1, 2, 3], 0), (vec![1, 2, 3], 0))
            );
        }
        assert_eq!(and_more(0), (String::new(), String::new()));
        assert_eq!(and_more(2), ("; and 2 more".to_owned(), "；另有2项".to_owned()));
    }
}
