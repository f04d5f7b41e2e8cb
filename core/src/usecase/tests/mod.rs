//! Tests that need more than one use case.

mod simulation;
