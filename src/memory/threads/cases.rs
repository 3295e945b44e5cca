//! What a row of a fitted table is asked by: which of its cases an answer is.

/// The first case that the value does not exceed.
pub(super) fn step<T: PartialOrd + Copy>(value: T, steps: &[T]) -> usize {
    steps.iter().take_while(|&&step| value > step).count()
}

/// A case made of several questions, the first of least weight.
pub(super) fn cases<const N: usize>(answers: [bool; N]) -> usize {
    answers
        .iter()
        .rev()
        .fold(0, |case, &answer| case * 2 + usize::from(answer))
}
