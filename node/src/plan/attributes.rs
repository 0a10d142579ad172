//! USING TIMESTAMP and USING TTL.

use starling_cql_lite::ast;
use starling_cql_lite::protocol::error::CqlError;
use starling_cql_lite::types::CqlType;
use starling_storage::model::Expiry;

use super::errors::invalid;
use super::term::{Term, Terms};
use super::values::{Environment, TermValue};
use super::variables::Receiver;

/// Twenty years: the longest TTL in seconds.
const TTL_MAX_S: i32 = 20 * 365 * 24 * 60 * 60;
/// The last second at which anything may expire (2106-02-07, as in Cassandra 5.0): a limit that every
/// client and tool can represent.
const EXPIRES_AT_MAX_S: i64 = u32::MAX as i64 - 1;

/// The USING of a statement.
#[derive(Clone, Debug, Default)]
pub(crate) struct Attributes {
    /// TIMESTAMP in microseconds.
    pub timestamp: Option<Term>,
    /// TTL in seconds.
    pub ttl: Option<Term>,
}

impl Attributes {
    /// Resolves them.
    pub fn prepare(
        terms: &mut Terms<'_>,
        timestamp: Option<&ast::Term>,
        ttl: Option<&ast::Term>,
    ) -> Result<Attributes, CqlError> {
        let timestamp = match timestamp {
            Some(term) => Some(terms.prepare(term, &Receiver::new("[timestamp]", CqlType::BigInt))?),
            None => None,
        };
        let ttl = match ttl {
            Some(term) => Some(terms.prepare(term, &Receiver::new("[ttl]", CqlType::Int))?),
            None => None,
        };
        Ok(Attributes { timestamp, ttl })
    }

    /// The write timestamp that is given, in microseconds.
    pub fn timestamp_us(&self, environment: &Environment<'_>) -> Result<Option<i64>, CqlError> {
        let Some(term) = &self.timestamp else {
            return Ok(None);
        };
        match term.evaluate(environment)? {
            TermValue::Unset => Ok(None),
            TermValue::Null => Err(invalid("Invalid null value of timestamp")),
            TermValue::Value(bytes) => {
                let bytes = <[u8; 8]>::try_from(&bytes[..]);
                let value = bytes.map(i64::from_be_bytes).map_err(|_| invalid("Invalid timestamp value"))?;
                if value == i64::MIN {
                    return Err(invalid(format!(
                        "Out of bound timestamp, must be in [{}, {}]",
                        i64::MIN + 1,
                        i64::MAX
                    )));
                }
                Ok(Some(value))
            }
        }
    }

    /// When what is written expires; `None`: never.
    pub fn expiry(
        &self,
        environment: &Environment<'_>,
        table_default_s: u32,
        now_s: i64,
        table: &str,
    ) -> Result<Option<Expiry>, CqlError> {
        let ttl_s = match &self.ttl {
            None => i64::from(table_default_s),
            Some(term) => match term.evaluate(environment)? {
                TermValue::Unset => i64::from(table_default_s),
                TermValue::Null => 0,
                TermValue::Value(bytes) => {
                    let bytes = <[u8; 4]>::try_from(&bytes[..]).map_err(|_| invalid("Invalid TTL value"))?;
                    i64::from(check_ttl(i32::from_be_bytes(bytes))?)
                }
            },
        };
        if ttl_s == 0 {
            return Ok(None);
        }
        let too_late = || {
            let default = if self.ttl.is_none() { "default " } else { "" };
            invalid(format!(
                "Request on table {table} with {default}ttl of {ttl_s} seconds exceeds maximum supported expiration \
                 date of 2106-02-07T06:28:13+00:00. In order to avoid this use a lower TTL or change the expiration \
                 date overflow policy."
            ))
        };
        let expires_at_s = now_s.checked_add(ttl_s).filter(|&at| at <= EXPIRES_AT_MAX_S).ok_or_else(too_late)?;
        let ttl_s = u32::try_from(ttl_s).map_err(|_| too_late())?;
        Ok(Some(Expiry { ttl_s, expires_at_s }))
    }
}

fn check_ttl(ttl_s: i32) -> Result<i32, CqlError> {
    if ttl_s < 0 {
        return Err(invalid(format!("A TTL must be greater or equal to 0, but was {ttl_s}")));
    }
    if ttl_s > TTL_MAX_S {
        return Err(invalid(format!("ttl is too large. requested ({ttl_s}) maximum ({TTL_MAX_S})")));
    }
    Ok(ttl_s)
}
