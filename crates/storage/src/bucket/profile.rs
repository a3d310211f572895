//! Keys and addresses from the files that Amazon's command line writes: `~/.aws/credentials` and `~/.aws/config`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use dataset::failure::Kind;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};

/// The settings that are taken from a profile, by their names in the files.
const SETTINGS: [(&str, AmazonS3ConfigKey); 5] = [
    ("aws_access_key_id", AmazonS3ConfigKey::AccessKeyId),
    ("aws_secret_access_key", AmazonS3ConfigKey::SecretAccessKey),
    ("aws_session_token", AmazonS3ConfigKey::Token),
    ("region", AmazonS3ConfigKey::Region),
    ("endpoint_url", AmazonS3ConfigKey::Endpoint),
];

/// The settings of the variables `AWS_…`; what they leave open comes from the profile that `AWS_PROFILE` names, or else `default`.
/// An access key and its secret are always taken from the same place.
///
/// # Errors
/// [`Kind::Usage`] if the profile that `AWS_PROFILE` names is in neither file.
pub(super) fn builder(variables: &BTreeMap<String, String>) -> anyhow::Result<AmazonS3Builder> {
    let mut builder = AmazonS3Builder::new();
    for (name, value) in variables
        .iter()
        .filter(|(name, _)| name.starts_with("AWS_"))
    {
        // Unknown variables are meant for other programs.
        if let Ok(key) = name.to_ascii_lowercase().parse() {
            builder = builder.with_config(key, value);
        }
    }
    let named = variables.get("AWS_PROFILE");
    let name = named.map_or("default", String::as_str);
    let read = |variable: &str, file: &str| {
        let path = variables.get(variable).map(PathBuf::from);
        let home = variables.get("HOME").map(PathBuf::from);
        let path = path.or_else(|| Some(home?.join(".aws").join(file)));
        fs::read_to_string(path?).ok()
    };
    let config = read("AWS_CONFIG_FILE", "config");
    let credentials = read("AWS_SHARED_CREDENTIALS_FILE", "credentials");
    let headed = match name {
        "default" => "default".to_owned(),
        name => format!("profile {name}"),
    };
    let mut found = config.as_deref().and_then(|text| section(text, &headed));
    if let Some(own) = credentials.as_deref().and_then(|text| section(text, name)) {
        found.get_or_insert_default().extend(own);
    }
    let Some(found) = found else {
        return match named {
            Some(name) => Err(Kind::Usage.error(format!(
                "AWS_PROFILE={name}: neither ~/.aws/credentials nor ~/.aws/config has such a profile"
            ))),
            None => Ok(builder),
        };
    };
    let has_key = [
        AmazonS3ConfigKey::AccessKeyId,
        AmazonS3ConfigKey::WebIdentityTokenFile,
        AmazonS3ConfigKey::ContainerCredentialsRelativeUri,
        AmazonS3ConfigKey::ContainerCredentialsFullUri,
    ]
    .iter()
    .any(|key| builder.get_config_value(key).is_some());
    for (name, key) in SETTINGS {
        let is_taken = match name.starts_with("aws_") {
            true => has_key,
            false => builder.get_config_value(&key).is_some(),
        };
        if let Some(value) = found.get(name).filter(|_| !is_taken) {
            builder = builder.with_config(key, value.clone());
        }
    }
    Ok(builder)
}

/// The settings below the line `[name]`.
fn section(text: &str, name: &str) -> Option<BTreeMap<String, String>> {
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| {
        let inner = line
            .strip_prefix('[')
            .and_then(|line| line.strip_suffix(']'));
        inner.is_some_and(|inner| inner.trim() == name)
    })?;
    let settings = lines
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with(['#', ';']))
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.trim().to_lowercase(), value.trim().to_owned()));
    Some(settings.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_ends_where_the_next_begins() {
        let text = "[default]\nregion = eu-west-1\n# aws_access_key_id = A\n\n[ profile b ]\nRegion=us-east-1\ns3 =\n  x = y\n";
        let of = |name: &str| section(text, name).and_then(|found| found.get("region").cloned());
        assert_eq!(of("default").as_deref(), Some("eu-west-1"));
        assert_eq!(of("profile b").as_deref(), Some("us-east-1"));
        assert_eq!(of("b"), None);
        assert!(
            !section(text, "default")
                .expect("found")
                .contains_key("aws_access_key_id")
        );
    }
}
