//! A PAC as the JSON of the vectors shows it, for comparison field by field.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::pac::{
    BufferType, ClaimEntry, ClaimValues, Claims, ClaimsSet, GroupMembership, LogonInfo,
    SidAndAttributes, VerifiedPac,
};

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Everything of `expected.json`'s `pac`.
pub(super) fn pac(pac: &VerifiedPac) -> Value {
    json!({
        "length": pac.octets().len(),
        "version": 0,
        "buffers": pac
            .entries_for_tests()
            .map(|(buffer, offset, octets)| buffer_view(pac, buffer, offset, octets))
            .collect::<Vec<_>>(),
    })
}

fn buffer_view(pac: &VerifiedPac, buffer: BufferType, offset: usize, octets: &[u8]) -> Value {
    let mut view = match buffer {
        BufferType::LOGON_INFO => {
            json!({"name": "LOGON_INFO", "logon_info": logon_info(pac.logon_info().unwrap())})
        }
        BufferType::CLIENT_INFO => json!({
            "name": "CLIENT_INFO",
            "client_id_filetime": pac.client_info().client_id.0,
            "client_name": pac.client_info().name,
        }),
        BufferType::UPN_DNS_INFO => {
            let info = pac.upn_dns_info().unwrap();
            let mut view = json!({
                "name": "UPN_DNS_INFO",
                "upn": info.upn,
                "dns_domain_name": info.dns_domain_name,
                "flags": info.flags,
            });
            if let Some(extension) = &info.sam_name_and_sid {
                view["sam_name"] = json!(extension.sam_name);
                view["sid"] = json!(extension.sid.to_string());
            }
            view
        }
        BufferType::CLIENT_CLAIMS_INFO => json!({
            "name": "CLIENT_CLAIMS_INFO",
            "claims": claims(pac.client_claims().unwrap()),
        }),
        BufferType::ATTRIBUTES_INFO => {
            let attributes = pac.attributes().unwrap();
            json!({
                "name": "ATTRIBUTES_INFO",
                "flags_length": attributes.flags_length,
                "flags": attributes.flags,
            })
        }
        BufferType::REQUESTOR_SID => json!({
            "name": "REQUESTOR_SID",
            "sid": pac.requestor_sid().unwrap().to_string(),
        }),
        signature if signature.is_signature() => {
            let view = pac.signature(signature).unwrap();
            json!({
                "name": signature.name(),
                "checksum_type": view.signature_type.0,
                "checksum_name": match view.signature_type.0 {
                    // The vectors do not use MIT's name here.
                    -138 => Some("hmac-md5"),
                    _ => view.signature_type.name(),
                },
                "signature": hex(view.signature),
                "rodc_identifier": view.rodc_identifier,
            })
        }
        other => panic!("no vector has {other}"),
    };
    view["type"] = json!(buffer.0);
    view["offset"] = json!(offset);
    view["size"] = json!(octets.len());
    view["sha256"] = json!(hex(&Sha256::digest(octets)));
    view
}

pub(super) fn logon_info(info: &LogonInfo) -> Value {
    json!({
        "logon_time": info.logon_time.0,
        "logoff_time": info.logoff_time.0,
        "kickoff_time": info.kick_off_time.0,
        "password_last_set": info.password_last_set.0,
        "password_can_change": info.password_can_change.0,
        "password_must_change": info.password_must_change.0,
        "effective_name": info.effective_name,
        "full_name": info.full_name,
        "logon_script": info.logon_script,
        "profile_path": info.profile_path,
        "home_directory": info.home_directory,
        "home_directory_drive": info.home_directory_drive,
        "logon_count": info.logon_count,
        "bad_password_count": info.bad_password_count,
        "user_id": info.user_id,
        "primary_group_id": info.primary_group_id,
        "groups": groups(&info.group_ids),
        "user_flags": info.user_flags.0,
        "user_session_key": hex(info.user_session_key.expose()),
        "logon_server": info.logon_server,
        "logon_domain_name": info.logon_domain_name,
        "logon_domain_id": info.logon_domain_id.to_string(),
        "user_account_control": info.user_account_control,
        "sub_auth_status": info.sub_auth_status,
        "last_successful_ilogon": info.last_successful_ilogon.0,
        "last_failed_ilogon": info.last_failed_ilogon.0,
        "failed_ilogon_count": info.failed_ilogon_count,
        "extra_sids": info.extra_sids.iter().map(extra_sid).collect::<Vec<_>>(),
        "resource_groups": match &info.resource_groups {
            Some(resource) => json!({
                "domain_sid": resource.domain_id.to_string(),
                "groups": groups(&resource.group_ids),
            }),
            None => json!({"domain_sid": null, "groups": []}),
        },
    })
}

fn groups(groups: &[GroupMembership]) -> Value {
    groups
        .iter()
        .map(|group| json!({"rid": group.relative_id, "attributes": group.attributes}))
        .collect()
}

fn extra_sid(extra: &SidAndAttributes) -> Value {
    json!({"sid": extra.sid.to_string(), "attributes": extra.attributes})
}

pub(super) fn claims(claims: &Claims) -> Value {
    let ClaimsSet::Decoded(arrays) = &claims.claims_set else {
        panic!("undecoded claims");
    };
    json!({
        "compression_format": claims.compression_format.0,
        "claims_set_size": claims.claims_set_size,
        "uncompressed_claims_set_size": claims.uncompressed_claims_set_size,
        "claims_arrays": arrays
            .iter()
            .map(|array| json!({
                "source_type": array.source_type,
                "entries": array.entries.iter().map(claim).collect::<Vec<_>>(),
            }))
            .collect::<Vec<_>>(),
    })
}

fn claim(entry: &ClaimEntry) -> Value {
    json!({
        "id": entry.id,
        "type": entry.values.claim_type(),
        "values": match &entry.values {
            ClaimValues::Int64(values) => json!(values),
            ClaimValues::Uint64(values) => json!(values),
            ClaimValues::String(values) => json!(values),
            ClaimValues::Boolean(values) => json!(values),
            ClaimValues::Unknown(_) => json!([]),
        },
    })
}
