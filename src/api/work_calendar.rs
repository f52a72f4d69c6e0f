//! WorkCalendar: public holidays and make-up working days of one year.

use super::common::{Names, written_day};
use jiff::civil::Date;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A year as the State Council published it.
#[derive(Clone, CustomResource, Debug, Default, Deserialize, KubeSchema, PartialEq, Serialize)]
#[kube(
    group = "yunguan.dev",
    version = "v1alpha1",
    kind = "WorkCalendar",
    doc = "WorkCalendar (工作日历): the public holidays and make-up working days of one year. A deadline that touches a year without a calendar, or with several that name different days, is unknown, never guessed.",
    shortname = "wcal",
    category = "yunguan-catalog",
    derive = "PartialEq",
    printcolumn(name = "REGION", type_ = "string", json_path = ".spec.region"),
    printcolumn(name = "YEAR", type_ = "integer", json_path = ".spec.year"),
    printcolumn(name = "SOURCE", type_ = "string", json_path = ".spec.source"),
    printcolumn(name = "AGE", type_ = "date", json_path = ".metadata.creationTimestamp"),
    selectable = ".spec.region"
)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = ("self.holidays.all(h, h.from <= h.to && h.from.getFullYear() == self.year && h.to.getFullYear() == self.year)",
    "every holiday lies within spec.year and ends no earlier than it starts: put the days of the next year into that year's calendar"))]
#[x_kube(validation = ("self.makeUpDays.all(d, d.getFullYear() == self.year)", "every make-up working day lies within spec.year"))]
pub struct WorkCalendarSpec {
    /// Region that policies refer to, such as `cn` (适用地区).
    #[schemars(length(min = 1, max = 32))]
    pub region: String,
    /// Year (年份).
    #[schemars(range(min = 2000, max = 2199))]
    pub year: i32,
    /// The notice that published it (发布文号).
    #[schemars(length(min = 1, max = 256))]
    pub source: String,
    /// Holidays, weekends within them included (放假日期).
    #[schemars(length(max = 32))]
    pub holidays: Vec<Holiday>,
    /// Saturdays and Sundays that are worked (调休上班日期).
    #[schemars(length(max = 32), inner(length(max = 10)))]
    pub make_up_days: Vec<Date>,
}

/// Days off, first and last included.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Holiday {
    /// Name (节日).
    pub name: Names,
    /// First day (起).
    #[schemars(schema_with = "written_day")]
    pub from: Date,
    /// Last day (止).
    #[schemars(schema_with = "written_day")]
    pub to: Date,
}
