//! What must hold between routes.

use super::keys::Settings;
use super::routes::RouteSettings;

/// Routes with one prefix make one table, to which readers give the columns and folders of its first file.
pub(super) fn one_table(settings: &Settings, routes: &[RouteSettings], broken: &mut Vec<String>) {
    let folders = |route: &RouteSettings| match (&route.partition_by, &settings.schema.partition_by) {
        (Some(fields), _) | (None, Some(fields)) => fields.as_slice().to_vec(),
        (None, None) => Vec::new(),
    };
    for (at, route) in routes.iter().enumerate() {
        let same_table = |first: &&RouteSettings| first.prefix == route.prefix && first.messages == route.messages;
        let Some(first) = routes[..at].iter().find(same_table) else { continue };
        let differing =
            [("partition_by", folders(first) != folders(route)), ("explode", first.explode != route.explode)];
        for (name, _) in differing.iter().filter(|(_, differs)| *differs) {
            broken.push(format!(
                "the route of {} and the route of {} have the prefix {:?}, so they make one table, but their {name} differs: give both the same, or \
                 prefixes that lie apart",
                first.subject,
                route.subject,
                route.prefix.as_str(),
            ));
        }
    }
}
