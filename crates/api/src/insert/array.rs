//! Array parameters made of elements that are encoded as COPY encodes fields.

use std::error::Error;

use bytes::{BufMut, BytesMut};
use tokio_postgres::types::{IsNull, Kind, ToSql, Type, to_sql_checked};

/// An array of one dimension: its elements, each preceded by its length.
#[derive(Debug)]
pub(crate) struct Array<'a> {
    elements: &'a [u8],
    count: usize,
}

impl<'a> Array<'a> {
    /// An array of `count` encoded elements.
    pub(crate) fn new(elements: &'a [u8], count: usize) -> Self {
        Self { elements, count }
    }
}

impl ToSql for Array<'_> {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        /// The flag that some elements may be NULL.
        const HAS_NULLS: i32 = 1;
        let Kind::Array(member) = ty.kind() else {
            return Err(format!("{ty} is not an array").into());
        };
        out.put_i32(i32::from(self.count > 0));
        out.put_i32(HAS_NULLS);
        out.put_u32(member.oid());
        if self.count > 0 {
            out.put_i32(i32::try_from(self.count)?);
            out.put_i32(1);
            out.put_slice(self.elements);
        }
        Ok(IsNull::No)
    }

    fn accepts(ty: &Type) -> bool {
        matches!(ty.kind(), Kind::Array(_))
    }

    to_sql_checked!();
}
