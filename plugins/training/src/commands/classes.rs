//! Courses, classes, and who is in them.

use punchcard_sdk::prelude::*;

use crate::{
    names::{Code, Reference, Room},
    office::Office,
    rejection::Rejection,
    school::{Class, Course, Enrolment},
    storage,
};

/// Defines a course, or changes what there is of that name. Sessions that are planned keep their length.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DefineCourse {
    #[schemars(extend("x-title" = {"en": "Course", "zh-CN": "课程编号"}))]
    course: Code,
    /// What people call it.
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "Name", "zh-CN": "课程名称"}))]
    title: String,
    /// How long a session is, unless it says otherwise.
    #[schemars(range(min = 1, max = 1439), extend("x-title" = {"en": "Minutes", "zh-CN": "单次分钟数"}))]
    minutes: u16,
    /// Whether what may be prepaid for it is limited by the settings, as for minors.
    #[serde(default = "yes")]
    #[schemars(extend("x-title" = {"en": "Prepayment limited", "zh-CN": "限制预收费"}))]
    guarded: bool,
}

fn yes() -> bool {
    true
}

impl Command for DefineCourse {
    const NAME: &'static str = "define-course";
    const TITLE: Text = Text::new("Define a course", "设置课程");
    type Output = Course;

    fn run(self, _: &CallContext) -> Result<Course, Refusal> {
        let Self { course, title, minutes, guarded } = self;
        let course = Course { course, title, minutes, guarded };
        storage::put_course(&course)?;
        Ok(course)
    }
}

/// Opens a class of a course in the store of the call.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OpenClass {
    #[schemars(extend("x-title" = {"en": "Class", "zh-CN": "班级编号"}))]
    class: Code,
    #[schemars(extend("x-title" = {"en": "Course", "zh-CN": "课程"}))]
    course: Code,
    #[schemars(extend("x-title" = {"en": "Room", "zh-CN": "教室"}))]
    room: Room,
    /// The merchant's own reference of who teaches it.
    #[schemars(extend("x-title" = {"en": "Teacher", "zh-CN": "教师"}))]
    teacher: Reference,
    /// The most students.
    #[schemars(range(min = 1, max = 200), extend("x-title" = {"en": "Capacity", "zh-CN": "人数上限"}))]
    capacity: u32,
}

impl Command for OpenClass {
    const NAME: &'static str = "open-class";
    const TITLE: Text = Text::new("Open a class", "开班");
    type Output = Class;

    fn run(self, ctx: &CallContext) -> Result<Class, Refusal> {
        let office = Office::open(ctx)?;
        office.course(&self.course)?;
        if storage::class(&self.class)?.is_some() {
            return Err(office.no(&Rejection::ClassExists { class: self.class }));
        }
        let Self { class, course, room, teacher, capacity } = self;
        let class = Class { class, course, store: office.store.to_owned(), room, teacher, capacity, enrolled: 0 };
        storage::put_class(&class)?;
        Ok(class)
    }
}

/// Puts a student of a member into a class.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Enrol {
    #[schemars(extend("x-title" = {"en": "Class", "zh-CN": "班级"}))]
    class: Code,
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "Member", "zh-CN": "会员"}))]
    member: String,
    /// The merchant's own reference of the student; the member themself when absent.
    #[serde(default)]
    #[schemars(extend("x-title" = {"en": "Student", "zh-CN": "学员"}))]
    student: Option<Reference>,
}

#[derive(Debug, Serialize)]
pub(crate) struct InClass {
    class: Code,
    student: Reference,
    enrolled: u32,
    capacity: u32,
}

impl Command for Enrol {
    const NAME: &'static str = "enrol";
    const TITLE: Text = Text::new("Enrol a student", "学员进班");
    type Output = InClass;

    fn run(self, ctx: &CallContext) -> Result<InClass, Refusal> {
        let office = Office::open(ctx)?;
        let class = office.class(&self.class)?;
        let student = office.student_of(&self.member, self.student)?;
        if storage::enrolment(&class.class, &student.student)?.is_some() {
            return Err(office.no(&Rejection::AlreadyEnrolled { student: student.student }));
        }
        if class.enrolled >= class.capacity {
            return Err(office.no(&Rejection::ClassFull { capacity: class.capacity }));
        }
        let class = Class { enrolled: class.enrolled + 1, ..class };
        storage::put_enrolment(&class.class, &student.student, &Enrolment { since: ctx.now })?;
        storage::put_student(&student)?;
        storage::put_class(&class)?;
        Ok(InClass { student: student.student, enrolled: class.enrolled, capacity: class.capacity, class: class.class })
    }
}

/// Takes a student out of a class. What they attended stays.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Withdraw {
    #[schemars(extend("x-title" = {"en": "Class", "zh-CN": "班级"}))]
    class: Code,
    #[schemars(extend("x-title" = {"en": "Student", "zh-CN": "学员"}))]
    student: Reference,
}

impl Command for Withdraw {
    const NAME: &'static str = "withdraw";
    const TITLE: Text = Text::new("Take a student out of a class", "学员退班");
    type Output = InClass;

    fn run(self, ctx: &CallContext) -> Result<InClass, Refusal> {
        let office = Office::open(ctx)?;
        let class = office.class(&self.class)?;
        if storage::enrolment(&class.class, &self.student)?.is_none() {
            return Err(office.no(&Rejection::NotEnrolled { student: self.student }));
        }
        let class = Class { enrolled: class.enrolled.saturating_sub(1), ..class };
        storage::delete_enrolment(&class.class, &self.student)?;
        storage::put_class(&class)?;
        Ok(InClass { student: self.student, enrolled: class.enrolled, capacity: class.capacity, class: class.class })
    }
}
