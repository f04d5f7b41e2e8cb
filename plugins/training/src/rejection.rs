//! Every reason for which this pack says no, with its code and its texts.

use punchcard_sdk::{Language, LocalDate, Refusal};

use crate::{
    attendance::Mark,
    names::{Code, Reference, Room},
};

/// Why something cannot be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    StoreRequired,
    UnknownMember { member: String },
    UnknownCourse { course: Code },
    UnknownCampus { campus: String },
    UnknownClass { class: Code },
    UnknownSession { session: String },
    UnknownStudent { student: Reference },
    UnknownPackage { package: String },
    ClassExists { class: Code },
    SessionExists { session: String },
    SessionTooLong { session: String },
    RoomTaken { room: Room, session: String, class: Code },
    TeacherTaken { teacher: Reference, session: String, class: Code },
    SessionCancelled { session: String },
    SessionAttended { session: String },
    StudentOfAnother { student: Reference },
    AlreadyEnrolled { student: Reference },
    ClassFull { capacity: u32 },
    NotEnrolled { student: Reference },
    AlreadyMarked { mark: Mark },
    NotMarked { student: Reference },
    TooEarly { date: LocalDate },
    LeaveTooLate { hours: u32 },
    InsufficientMinutes { available: u64, needed: u64 },
    NothingSold,
    PriceWithoutMinutes,
    ValidityOver { date: LocalDate },
    PrepaidTooLong { months: u32 },
    PrepaidTooMuch { hours: u32, outstanding_minutes: u64 },
    TooManyPackages { max: usize },
    PackageRefunded { package: String },
    NothingToRefund { package: String },
    WrongMonths { max: u32 },
    BooksDiffer { member: String },
    NoIdLeft,
}

impl Rejection {
    /// The stable code.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::StoreRequired => "store-required",
            Self::UnknownMember { .. } => "unknown-member",
            Self::UnknownCourse { .. } => "unknown-course",
            Self::UnknownCampus { .. } => "unknown-campus",
            Self::UnknownClass { .. } => "unknown-class",
            Self::UnknownSession { .. } => "unknown-session",
            Self::UnknownStudent { .. } => "unknown-student",
            Self::UnknownPackage { .. } => "unknown-package",
            Self::ClassExists { .. } => "class-exists",
            Self::SessionExists { .. } => "session-exists",
            Self::SessionTooLong { .. } => "session-too-long",
            Self::RoomTaken { .. } => "room-taken",
            Self::TeacherTaken { .. } => "teacher-taken",
            Self::SessionCancelled { .. } => "session-cancelled",
            Self::SessionAttended { .. } => "session-attended",
            Self::StudentOfAnother { .. } => "student-of-another",
            Self::AlreadyEnrolled { .. } => "already-enrolled",
            Self::ClassFull { .. } => "class-full",
            Self::NotEnrolled { .. } => "not-enrolled",
            Self::AlreadyMarked { .. } => "already-marked",
            Self::NotMarked { .. } => "not-marked",
            Self::TooEarly { .. } => "too-early",
            Self::LeaveTooLate { .. } => "leave-too-late",
            Self::InsufficientMinutes { .. } => "insufficient-minutes",
            Self::NothingSold => "nothing-sold",
            Self::PriceWithoutMinutes => "price-without-minutes",
            Self::ValidityOver { .. } => "validity-over",
            Self::PrepaidTooLong { .. } => "prepaid-too-long",
            Self::PrepaidTooMuch { .. } => "prepaid-too-much",
            Self::TooManyPackages { .. } => "too-many-packages",
            Self::PackageRefunded { .. } => "package-refunded",
            Self::NothingToRefund { .. } => "nothing-to-refund",
            Self::WrongMonths { .. } => "wrong-months",
            Self::BooksDiffer { .. } => "books-differ",
            Self::NoIdLeft => "no-id-left",
        }
    }

    /// One sentence for people.
    pub(crate) fn message(&self, language: Language) -> String {
        match language {
            Language::English => self.english(),
            Language::Chinese => self.chinese(),
        }
    }

    fn english(&self) -> String {
        match self {
            Self::StoreRequired => "this belongs to a store; name one".to_owned(),
            Self::UnknownMember { member } => format!("there is no member {member}"),
            Self::UnknownCourse { course } => format!("there is no course {course}"),
            Self::UnknownCampus { campus } => format!("there is no store {campus}"),
            Self::UnknownClass { class } => format!("this store has no class {class}"),
            Self::UnknownSession { session } => format!("this store has no session {session}"),
            Self::UnknownStudent { student } => format!("there is no student {student}"),
            Self::UnknownPackage { package } => format!("there is no package {package}"),
            Self::ClassExists { class } => format!("there is a class {class} already"),
            Self::SessionExists { session } => format!("{session} is planned already"),
            Self::SessionTooLong { session } => format!("{session} has to end before midnight"),
            Self::RoomTaken { room, session, class } => {
                format!("{session} can not be in room {room}, which {class} has then")
            }
            Self::TeacherTaken { teacher, session, class } => {
                format!("{session} can not have teacher {teacher}, who has {class} then")
            }
            Self::SessionCancelled { session } => format!("{session} is cancelled"),
            Self::SessionAttended { session } => format!("{session} has taken minutes; take back its attendance first"),
            Self::StudentOfAnother { student } => format!("{student} is the student of another member"),
            Self::AlreadyEnrolled { student } => format!("{student} is in the class already"),
            Self::ClassFull { capacity } => format!("the class has its {capacity} students"),
            Self::NotEnrolled { student } => format!("{student} is not in the class"),
            Self::AlreadyMarked { mark } => {
                format!("the attendance is marked already: {}; correct it instead", mark.english())
            }
            Self::NotMarked { student } => format!("no attendance of {student} is marked for the session"),
            Self::TooEarly { date } => format!("attendance is marked from the day of the session on, {date}"),
            Self::LeaveTooLate { hours } => format!("leave is taken until {hours} hours before the session begins"),
            Self::InsufficientMinutes { available, needed } => {
                format!("the session takes {needed} minutes and the student has {available} that are good for it")
            }
            Self::NothingSold => "a package has paid or gift minutes".to_owned(),
            Self::PriceWithoutMinutes => "what is paid for are paid minutes, and there are none".to_owned(),
            Self::ValidityOver { date } => format!("the package would have been over on {date}"),
            Self::PrepaidTooLong { months } => format!("at most {months} months are prepaid at a time"),
            Self::PrepaidTooMuch { hours, outstanding_minutes } => format!(
                "at most {hours} hours are prepaid at a time, and {outstanding_minutes} minutes are left from before"
            ),
            Self::TooManyPackages { max } => format!("a student has at most {max} packages with something left"),
            Self::PackageRefunded { package } => format!("the package {package} was refunded"),
            Self::NothingToRefund { package } => format!("nothing that was paid is left of the package {package}"),
            Self::WrongMonths { max } => format!("figures are told of 1 to {max} months, the first one first"),
            Self::BooksDiffer { member } => {
                format!("the ledger holds other course minutes of {member} than were sold; put that right first")
            }
            Self::NoIdLeft => "no id is free; try again".to_owned(),
        }
    }

    fn chinese(&self) -> String {
        match self {
            Self::StoreRequired => "此操作需要指定门店".to_owned(),
            Self::UnknownMember { member } => format!("没有会员 {member}"),
            Self::UnknownCourse { course } => format!("没有课程 {course}"),
            Self::UnknownCampus { campus } => format!("没有校区 {campus}"),
            Self::UnknownClass { class } => format!("本校区没有班级 {class}"),
            Self::UnknownSession { session } => format!("本校区没有课次 {session}"),
            Self::UnknownStudent { student } => format!("没有学员 {student}"),
            Self::UnknownPackage { package } => format!("没有课包 {package}"),
            Self::ClassExists { class } => format!("班级 {class} 已存在"),
            Self::SessionExists { session } => format!("{session} 已排课"),
            Self::SessionTooLong { session } => format!("{session} 须在当日结束"),
            Self::RoomTaken { room, session, class } => format!("{session} 不能用教室 {room}，该时段已排 {class}"),
            Self::TeacherTaken { teacher, session, class } => {
                format!("{session} 不能由教师 {teacher} 授课，该时段已排 {class}")
            }
            Self::SessionCancelled { session } => format!("{session} 已取消"),
            Self::SessionAttended { session } => format!("{session} 已扣课时，请先撤销考勤"),
            Self::StudentOfAnother { student } => format!("学员 {student} 属于另一位会员"),
            Self::AlreadyEnrolled { student } => format!("学员 {student} 已在班"),
            Self::ClassFull { capacity } => format!("班级已满 {capacity} 人"),
            Self::NotEnrolled { student } => format!("学员 {student} 不在班"),
            Self::AlreadyMarked { mark } => format!("已记考勤：{}；如需更改请更正", mark.chinese()),
            Self::NotMarked { student } => format!("该课次没有学员 {student} 的考勤"),
            Self::TooEarly { date } => format!("考勤须在上课当日 {date} 起记录"),
            Self::LeaveTooLate { hours } => format!("请假须在上课前至少 {hours} 小时提出"),
            Self::InsufficientMinutes { available, needed } => {
                format!("本次课需 {needed} 分钟课时，可用 {available} 分钟")
            }
            Self::NothingSold => "课包须有正价或赠送课时".to_owned(),
            Self::PriceWithoutMinutes => "收费须对应正价课时，而正价课时为零".to_owned(),
            Self::ValidityOver { date } => format!("课包在 {date} 已到期"),
            Self::PrepaidTooLong { months } => format!("一次最多预收 {months} 个月"),
            Self::PrepaidTooMuch { hours, outstanding_minutes } => {
                format!("一次最多预收 {hours} 小时，此前尚余 {outstanding_minutes} 分钟")
            }
            Self::TooManyPackages { max } => format!("学员未用完的课包最多 {max} 个"),
            Self::PackageRefunded { package } => format!("课包 {package} 已退费"),
            Self::NothingToRefund { package } => format!("课包 {package} 没有可退的正价课时"),
            Self::WrongMonths { max } => format!("可查询 1 至 {max} 个月，起始月在前"),
            Self::BooksDiffer { member } => format!("会员 {member} 的课时账与售出课包不符，请先核对"),
            Self::NoIdLeft => "编号冲突，请重试".to_owned(),
        }
    }

    /// What the caller gets.
    pub(crate) fn refusal(&self, language: Language) -> Refusal {
        let kind = match self {
            Self::StoreRequired
            | Self::SessionTooLong { .. }
            | Self::NothingSold
            | Self::PriceWithoutMinutes
            | Self::WrongMonths { .. } => Refusal::invalid,
            Self::UnknownMember { .. }
            | Self::UnknownCourse { .. }
            | Self::UnknownCampus { .. }
            | Self::UnknownClass { .. }
            | Self::UnknownSession { .. }
            | Self::UnknownStudent { .. }
            | Self::UnknownPackage { .. } => Refusal::not_found,
            Self::ClassExists { .. }
            | Self::SessionExists { .. }
            | Self::RoomTaken { .. }
            | Self::TeacherTaken { .. }
            | Self::SessionCancelled { .. }
            | Self::SessionAttended { .. }
            | Self::StudentOfAnother { .. }
            | Self::AlreadyEnrolled { .. }
            | Self::ClassFull { .. }
            | Self::NotEnrolled { .. }
            | Self::AlreadyMarked { .. }
            | Self::NotMarked { .. }
            | Self::TooEarly { .. }
            | Self::LeaveTooLate { .. }
            | Self::InsufficientMinutes { .. }
            | Self::ValidityOver { .. }
            | Self::PrepaidTooLong { .. }
            | Self::PrepaidTooMuch { .. }
            | Self::TooManyPackages { .. }
            | Self::PackageRefunded { .. }
            | Self::NothingToRefund { .. }
            | Self::BooksDiffer { .. } => Refusal::refused,
            Self::NoIdLeft => Refusal::failed,
        };
        kind(self.code(), self.message(language))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_few_minutes_say_what_is_there_and_what_is_needed() {
        let rejection = Rejection::InsufficientMinutes { available: 30, needed: 60 };
        assert_eq!(
            rejection.refusal(Language::English),
            Refusal::refused(
                "insufficient-minutes",
                "the session takes 60 minutes and the student has 30 that are good for it"
            )
        );
        assert_eq!(rejection.message(Language::Chinese), "本次课需 60 分钟课时，可用 30 分钟");
    }
}
