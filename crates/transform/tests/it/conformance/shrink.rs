//! Simplifies a failing query: makes its choices fewer and smaller as long as it fails.

use super::queries::statement;

/// The simplest choices found whose query still fails, after at most `tries` calls of `fails`.
pub(super) fn shrunk(
    choices: &[u32],
    tries: usize,
    mut fails: impl FnMut(&[u32]) -> bool,
) -> Vec<u32> {
    let mut best = choices.to_vec();
    let mut text = statement(&best).sql;
    let mut tries_left = tries;
    // Whether a candidate replaces the best choices so far.
    let mut better = |best: &mut Vec<u32>, candidate: Vec<u32>| {
        let sql = statement(&candidate).sql;
        if sql != text {
            if sql.len() > text.len() || tries_left == 0 {
                return false;
            }
            tries_left -= 1;
            if !fails(&candidate) {
                return false;
            }
            text = sql;
        }
        *best = candidate;
        true
    };
    loop {
        let before = best.clone();
        let mut size = best.len().next_power_of_two();
        while size > 0 {
            // Choices are taken away from the back, since later ones mean least to the others.
            let mut end = best.len();
            while end > 0 {
                let start = end.saturating_sub(size);
                let mut without = best.clone();
                without.drain(start..end);
                if !better(&mut best, without) && best[start..end].iter().any(|value| *value != 0) {
                    let mut zeroed = best.clone();
                    zeroed[start..end].fill(0);
                    better(&mut best, zeroed);
                }
                end = start.min(best.len());
            }
            size /= 2;
        }
        for at in 0..best.len() {
            // Choices are taken modulo small numbers, so small values are tried.
            for value in [1, 2, 3, best.get(at).copied().unwrap_or(0) / 2] {
                if best.get(at).is_some_and(|now| value < *now) {
                    let mut smaller = best.clone();
                    smaller[at] = value;
                    if better(&mut best, smaller) {
                        break;
                    }
                }
            }
        }
        if best == before {
            return best;
        }
    }
}

#[test]
fn a_failing_query_is_made_simpler_while_it_fails() {
    let fails = |choices: &[u32]| statement(choices).sql.contains("LEFT JOIN");
    let choices = (0..).map(|index| super::choices::random_choices(7, index));
    let choices = choices
        .into_iter()
        .find(|choices| fails(choices))
        .expect("there is one");
    let simple = shrunk(&choices, 2000, fails);
    let (long, short) = (statement(&choices).sql, statement(&simple).sql);
    assert!(
        fails(&simple) && short.len() <= long.len() && short.len() < 150,
        "{short}"
    );
}
