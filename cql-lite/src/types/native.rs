//! The table of native types: CQL name, protocol option id, class name.

use super::CqlType;

/// One native type.
pub(super) struct Native {
    pub(super) ty: CqlType,
    pub(super) name: &'static str,
    pub(super) option_id: u16,
    pub(super) class: &'static str,
}

const fn native(ty: CqlType, name: &'static str, option_id: u16, class: &'static str) -> Native {
    Native { ty, name, option_id, class }
}

/// Ids as in section 4.2.5.2 of the native protocol's specification.
pub(super) static NATIVES: [Native; 20] = [
    native(CqlType::Ascii, "ascii", 0x0001, "AsciiType"),
    native(CqlType::BigInt, "bigint", 0x0002, "LongType"),
    native(CqlType::Blob, "blob", 0x0003, "BytesType"),
    native(CqlType::Boolean, "boolean", 0x0004, "BooleanType"),
    native(CqlType::Counter, "counter", 0x0005, "CounterColumnType"),
    native(CqlType::Decimal, "decimal", 0x0006, "DecimalType"),
    native(CqlType::Double, "double", 0x0007, "DoubleType"),
    native(CqlType::Float, "float", 0x0008, "FloatType"),
    native(CqlType::Int, "int", 0x0009, "Int32Type"),
    native(CqlType::Timestamp, "timestamp", 0x000B, "TimestampType"),
    native(CqlType::Uuid, "uuid", 0x000C, "UUIDType"),
    native(CqlType::Text, "text", 0x000D, "UTF8Type"),
    native(CqlType::Varint, "varint", 0x000E, "IntegerType"),
    native(CqlType::TimeUuid, "timeuuid", 0x000F, "TimeUUIDType"),
    native(CqlType::Inet, "inet", 0x0010, "InetAddressType"),
    native(CqlType::Date, "date", 0x0011, "SimpleDateType"),
    native(CqlType::Time, "time", 0x0012, "TimeType"),
    native(CqlType::SmallInt, "smallint", 0x0013, "ShortType"),
    native(CqlType::TinyInt, "tinyint", 0x0014, "ByteType"),
    native(CqlType::Duration, "duration", DURATION_ID, "DurationType"),
];

/// `duration`'s id: protocol v5 and later; v4 names it as a custom class.
pub(super) const DURATION_ID: u16 = 0x0015;

/// The entry of a native type.
pub(super) fn entry(ty: &CqlType) -> Option<&'static Native> {
    NATIVES.iter().find(|native| native.ty == *ty)
}

/// The native type of that name, in any case; `varchar` is `text`.
pub(super) fn by_name(name: &str) -> Option<CqlType> {
    if name.eq_ignore_ascii_case("varchar") {
        return Some(CqlType::Text);
    }
    NATIVES.iter().find(|native| native.name.eq_ignore_ascii_case(name)).map(|native| native.ty.clone())
}
