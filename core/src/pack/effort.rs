//! What it takes to compile a component, estimated before it is compiled.
//!
//! A compiler's time and memory do not follow from the length of the code alone: for each place where ways meet it looks at
//! what each local may be there, and it lays out registers over all of a function. A function of 250 KB that is nothing but
//! loops over a thousand locals took 4 GB and the better part of a minute. What people write has many small functions: the
//! packs of this project come to less than a twentieth of what is allowed, and none of their functions to more than a fiftieth
//! of what one may.

use wasmparser::{BinaryReaderError, CompositeInnerType, FunctionBody, Operator, Parser, Payload};

use super::LoadError;

/// The most for one function.
const FUNCTION_MAX: u64 = 5_000_000;
/// The most for all functions together.
const ALL_MAX: u64 = 40_000_000;
/// What a function costs that does nothing.
const FUNCTION_LEAST: u64 = 200;
/// Of so many places where ways meet, each costs as much as a local more in all of them.
const PLACES_A_LOCAL: u64 = 16;

/// Refuses a component that would take too long to compile.
pub(super) fn check_effort(wasm: &[u8]) -> Result<(), LoadError> {
    let invalid = |error: BinaryReaderError| LoadError::Invalid(error.to_string());
    let (mut all, mut parameters, mut number) = (0_u64, 0_u64, 0_u64);
    for part in Parser::new(0).parse_all(wasm) {
        match part.map_err(invalid)? {
            Payload::ModuleSection { .. } => (parameters, number) = (0, 0),
            // Which type a function has does not matter: none has more parameters than the one with the most.
            Payload::TypeSection(types) => {
                for group in types {
                    for of_type in group.map_err(invalid)?.into_types() {
                        let CompositeInnerType::Func(function) = &of_type.composite_type.inner else { continue };
                        let count = u64::try_from(function.params().len()).unwrap_or(u64::MAX);
                        parameters = parameters.max(count);
                    }
                }
            }
            Payload::CodeSectionEntry(body) => {
                let Shape { operators, places, locals } = Shape::of(&body).map_err(invalid)?;
                let locals = locals.saturating_add(parameters);
                let effort = FUNCTION_LEAST
                    .saturating_add(operators)
                    .saturating_add(places.saturating_mul(locals.saturating_add(places / PLACES_A_LOCAL)));
                if effort > FUNCTION_MAX {
                    return Err(LoadError::TooDemanding(format!(
                        "too much work to compile: function {number} of a module has {places} branches and {locals} locals; \
                         make several of it"
                    )));
                }
                all = all.saturating_add(effort);
                if all > ALL_MAX {
                    return Err(LoadError::TooDemanding(
                        "too much work to compile: its functions have too many branches and locals together".into(),
                    ));
                }
                number += 1;
            }
            _ => {}
        }
    }
    Ok(())
}

/// What makes a function costly.
struct Shape {
    operators: u64,
    /// Where ways part or meet.
    places: u64,
    locals: u64,
}

impl Shape {
    fn of(body: &FunctionBody<'_>) -> Result<Self, BinaryReaderError> {
        let mut shape = Self { operators: 0, places: 0, locals: 0 };
        for of_type in body.get_locals_reader()? {
            let (count, _) = of_type?;
            shape.locals = shape.locals.saturating_add(count.into());
        }
        let mut operators = body.get_operators_reader()?;
        while !operators.eof() {
            shape.operators += 1;
            shape.places += match operators.read()? {
                Operator::Block { .. }
                | Operator::Loop { .. }
                | Operator::If { .. }
                | Operator::Else
                | Operator::Br { .. }
                | Operator::BrIf { .. } => 1,
                Operator::BrTable { targets } => u64::from(targets.len()),
                _ => 0,
            };
        }
        Ok(shape)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A component of so many functions, each with so many loops and locals.
    fn component(functions: usize, loops: usize, locals: usize) -> Vec<u8> {
        let body = format!("(local {}) {}", "i32 ".repeat(locals), "loop end ".repeat(loops));
        let functions = format!("(func (param i32) {body})").repeat(functions);
        wat::parse_str(format!("(component (core module {functions}))")).unwrap()
    }

    fn refused(component: &[u8]) -> String {
        check_effort(component).err().map_or_else(|| "not".into(), |error| error.to_string())
    }

    #[test]
    fn many_branches_over_many_locals_are_refused() {
        // 200 for the function, two operators a loop and one at the end, and a thousand loops over a parameter and the
        // others, and as if over 62 more.
        let effort = |locals: u64| 200 + 2_001 + 1_000 * (locals + 1 + 62);
        assert!(effort(4_934) <= FUNCTION_MAX && effort(4_935) > FUNCTION_MAX);
        assert_eq!(refused(&component(1, 1_000, 4_934)), "not");
        assert_eq!(
            refused(&component(1, 1_000, 4_935)),
            "the component needs too much work to compile: function 0 of a module has 1000 branches and 4936 locals; make several \
             of it"
        );
        assert_eq!(refused(&component(8, 1_000, 4_900)), "not");
        assert_eq!(
            refused(&component(9, 1_000, 4_900)),
            "the component needs too much work to compile: its functions have too many branches and locals together"
        );
        let targets = "0 ".repeat(20_000);
        let table = format!("(component (core module (func (block i32.const 0 br_table {targets}))))");
        assert!(refused(&wat::parse_str(table).unwrap()).contains("function 0 of a module has 20000 branches"));
    }

    #[test]
    fn nothing_that_is_no_function_counts() {
        assert_eq!(
            refused(&wat::parse_str("(component (core module (memory 1) (data (i32.const 0) \"x\")))").unwrap()),
            "not"
        );
        assert!(refused(b"\0asm\x0d\0\x01\0\x01").starts_with("the component is not valid: "));
    }
}
