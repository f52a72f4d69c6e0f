use super::super::tests::{proposals, quantities, systems};
use super::*;
use crate::api::OrganizationSpec;
use crate::api::common::Names;
use crate::api::information_system::Grant;
use crate::cli::samples::{at, clock};

fn organizations() -> Vec<Organization> {
    let names = Names { zh: "亳州市卫生健康委员会".into(), en: Some("Bozhou Health".into()) };
    vec![Organization::new("bozhou-health", OrganizationSpec { names, ..OrganizationSpec::default() })]
}

/// With what they were granted: more from the middle of November on.
fn granted() -> Vec<InformationSystem> {
    let grant = |from: &str, cpu: &str, memory: &str| Grant {
        amounts: quantities([("requests.cpu", cpu), ("requests.memory", memory), ("requests.storage", "500Gi")]),
        effective_from: at(from),
        ..Grant::default()
    };
    let mut systems = systems();
    for system in &mut systems {
        system.spec.grants =
            vec![grant("2026-06-01T00:00:00Z", "8", "32Gi"), grant("2026-11-15T00:00:00Z", "8500m", "33Gi")];
    }
    systems
}

fn of(month: &str, systems: &[InformationSystem]) -> Result<Table, Failure> {
    table(Lang::En, &Month(month.into()), systems, &proposals(), &organizations(), &clock())
}

#[test]
fn r27_1_the_table_of_a_month_has_a_line_for_each_system_and_a_sum_for_each_organization() {
    let mut systems = granted();
    systems[1].spec.organization = "another".into();
    let table = of("2026-11", &systems).unwrap();
    let sums: Vec<_> = table.items.iter().map(|unit| (unit.organization.as_str(), unit.systems.len())).collect();
    assert_eq!(sums, [("another", 1), ("bozhou-health", 5)]);
    assert_eq!(table.items[1].granted.cells(), ["42.5", "165", "2500"]);
    assert_eq!(table.items[1].saving, Money("1150.3".into()));
    insta::assert_snapshot!("month_en", page(Lang::En, &table).render());
    insta::assert_snapshot!("month_markdown_en", markdown(Lang::En, &table));
    let zh = super::table(Lang::Zh, &table.month, &systems, &proposals(), &organizations(), &clock()).unwrap();
    insta::assert_snapshot!("month_csv_zh", csv(Lang::Zh, &zh).unwrap().replace("\r\n", "\n"));
}

#[test]
fn r27_1_what_was_granted_is_that_of_the_months_end() {
    let mut systems = granted();
    for system in &mut systems {
        for month in system.status.as_mut().unwrap().usage_history.iter_mut().flat_map(|h| &mut h.months) {
            month.month = Month("2026-10".into());
        }
    }
    let october = of("2026-10", &systems).unwrap();
    assert_eq!(
        (october.days, october.items[0].systems[0].granted.cells()),
        (31, ["8", "32", "500"].map(str::to_owned))
    );
    // Opened in November: it is in no table of October.
    systems[0].status.as_mut().unwrap().provisioned_at = Some(at("2026-10-31T16:00:00Z"));
    systems[0].status.as_mut().unwrap().usage_history = None;
    assert_eq!(of("2026-10", &systems).unwrap().items[0].systems.len(), 5);
}

#[test]
fn r27_1_a_month_to_come_one_that_is_gone_and_one_without_data_are_told_apart() {
    let failed = |month: &str| of(month, &granted()).unwrap_err();
    let ahead = failed("2026-12");
    assert_eq!((ahead.exit, ahead.message.as_str()), (Exit::Usage, "2026-12 is still to come"));
    let empty = failed("2025-11");
    assert_eq!(empty.exit, Exit::Nothing);
    assert!(empty.message.starts_with("no day of 2025-11 was measured"), "{}", empty.message);
    let gone = failed("2025-10");
    assert_eq!((gone.exit, gone.next.as_deref()), (Exit::Nothing, Some("try --month 2025-11")));
}

#[test]
fn r27_1_names_are_no_formulas_in_a_spreadsheet_and_no_marks_in_a_document() {
    let names = [
        "=HYPERLINK(\"http://x\",\"y\")",
        "+1",
        "-1",
        "@SUM(A1)",
        " =1",
        "\t=1",
        "＝1+1",
        "a,\"b\"",
        "a|b",
        "![x](http://x)<b>",
    ];
    for name in names {
        let mut systems = granted();
        systems.truncate(1);
        systems[0].spec.name = name.into();
        let table = of("2026-11", &systems).unwrap();
        let text = csv(Lang::En, &table).unwrap();
        let text = text.strip_prefix(BYTE_ORDER_MARK).expect("Excel reads it as UTF-8");
        let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
        let records: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().unwrap();
        assert!(records.iter().flatten().all(|cell| !cell.trim_start().starts_with(FORMULA)), "{name}: {text}");
        assert!(records[0][2].ends_with(&clean(name)), "nothing is lost: {:?}", &records[0][2]);
        // A line of Markdown has as many columns as the header, whatever a name has in it.
        let document = markdown(Lang::En, &table);
        let columns = |line: &str| line.replace("\\|", "").matches('|').count();
        assert!(document.lines().all(|line| columns(line) == 16), "{document}");
        let live = document.replace("\\]", "").replace("\\<", "");
        assert!(!live.contains("](http") && !live.contains("<b>"), "{document}");
    }
}
