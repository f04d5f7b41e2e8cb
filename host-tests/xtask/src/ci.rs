pub(crate) fn main(_: Vec<std::ffi::OsString>) -> crate::Result {
    Ok(())
}
