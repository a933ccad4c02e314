//! Walking data from a spreadsheet: taken whole, or its first fault told.

use crate::Target;

pub(crate) const STEPS_FILE: Target = Target {
    name: "steps-file",
    run,
    seeds: || {
        let header = "Id,ActivityHour,StepTotal\n";
        vec![
            format!("{header}7,2016-4-12 0:00,373\n9,2016-4-12 13:00,0\n").into_bytes(),
            format!("\u{feff}{header}\"7\",2016-10-30 3:00,1\n9,2017-3-26 3:00,20001\n")
                .into_bytes(),
        ]
    },
};

fn run(bytes: &[u8]) {
    match askel_cli::read_steps_file(bytes) {
        Ok(walkers) => assert!((1..=bytes.len()).contains(&walkers)),
        Err(fault) => assert!(!fault.is_empty()),
    }
}
