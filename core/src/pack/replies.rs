//! What packs return, checked against what the contract says in words.

use super::bindings::exports::punchcard::pack::lifecycle;
use super::bindings::punchcard::pack::types as wit;
use super::{CallError, Limits, Migrated, Refusal};

pub(super) fn refused(refusal: wit::Refusal) -> CallError {
    CallError::Refused(Refusal::from(refusal))
}

/// Checks what a command replied.
pub(super) fn check_reply(reply: Result<String, wit::Refusal>) -> Result<String, CallError> {
    // It is kept with the request's idempotency key, in one value of the store.
    const RESULT_MAX_BYTES: usize = 60 << 10;
    let result = reply.map_err(refused)?;
    if result.len() > RESULT_MAX_BYTES {
        let bytes = result.len();
        return Err(bad_reply(format!("a result of {bytes} bytes, at most {RESULT_MAX_BYTES} are allowed")));
    }
    serde_json::from_str::<serde::de::IgnoredAny>(&result)
        .map_err(|error| bad_reply(format!("a result that is not JSON: {error}")))?;
    Ok(result)
}

/// Checks what a partner is answered.
pub(super) fn check_answer(answer: Result<String, wit::Refusal>) -> Result<String, CallError> {
    let answer = answer.map_err(refused)?;
    if answer.len() > Limits::QUESTION_MAX_BYTES {
        let (bytes, most) = (answer.len(), Limits::QUESTION_MAX_BYTES);
        return Err(bad_reply(format!("an answer of {bytes} bytes, at most {most} are allowed")));
    }
    serde_json::from_str::<serde::de::IgnoredAny>(&answer)
        .map_err(|error| bad_reply(format!("an answer that is not JSON: {error}")))?;
    Ok(answer)
}

/// Checks how far a migration says that it has come.
pub(super) fn check_progress(progress: Result<lifecycle::Progress, wit::Refusal>) -> Result<Migrated, CallError> {
    const CURSOR_MAX_BYTES: usize = 256;
    match progress.map_err(refused)? {
        lifecycle::Progress::Done => Ok(Migrated::Whole),
        lifecycle::Progress::More(cursor) if cursor.len() <= CURSOR_MAX_BYTES => Ok(Migrated::UpTo(cursor)),
        lifecycle::Progress::More(cursor) => {
            let bytes = cursor.len();
            Err(bad_reply(format!("a place of {bytes} bytes, at most {CURSOR_MAX_BYTES} are allowed")))
        }
    }
}

pub(super) fn bad_reply(message: String) -> CallError {
    CallError::BadReply { message }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Check<'a> = &'a dyn Fn(usize) -> Result<(), CallError>;

    /// A JSON text of so many bytes.
    fn json(bytes: usize) -> String {
        format!("\"{}\"", "x".repeat(bytes - 2))
    }

    #[test]
    fn a_reply_has_as_many_bytes_as_the_contract_says_and_no_more() {
        let command = |bytes| check_reply(Ok(json(bytes))).map(drop);
        let answer = |bytes| check_answer(Ok(json(bytes))).map(drop);
        let cursor = |bytes| check_progress(Ok(lifecycle::Progress::More("x".repeat(bytes)))).map(drop);
        let table: [(&str, Check<'_>, usize); 3] =
            [("a result", &command, 60 << 10), ("an answer", &answer, 16 << 10), ("a place", &cursor, 256)];
        for (what, check, most) in table {
            assert!(check(most).is_ok(), "{what} of {most} bytes");
            let refused = check(most + 1).unwrap_err();
            let expected = format!("{what} of {} bytes, at most {most} are allowed", most + 1);
            assert!(refused.to_string().ends_with(&expected), "{refused}");
            assert_eq!(refused.code(), "bad-reply");
        }
    }
}
