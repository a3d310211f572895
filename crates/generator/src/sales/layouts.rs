//! The tables of *sales*: their columns, and how their files arrive.

use crate::table::dialect::Dialect;
use crate::table::layout::Layout;

pub(super) const PERSON: usize = 0;
pub(super) const PRODUCT: usize = 1;
pub(super) const CUSTOMER: usize = 2;
pub(super) const OFFER: usize = 3;
pub(super) const ORDER: usize = 4;
pub(super) const LINE: usize = 5;

const SALES: Dialect = Dialect {
    file: "",
    header: &[],
    delimiter: ';',
    line_end: "\r\n",
    final_line_end: true,
    byte_order_mark: true,
    null: "NULL",
    commas: &[],
    days: &[],
};

/// The tables as their rows are encoded.
#[rustfmt::skip]
pub(crate) const LAYOUTS: [Layout; 6] = [
    Layout {
        name: "person",
        key: "business_entity_id",
        columns: &[
            "business_entity_id", "person_type", "name_style", "title", "first_name", "middle_name", "last_name",
            "suffix", "email_promotion", "additional_contact_info", "demographics", "rowguid", "modified_date",
        ],
        types: &[
            "int4", "varchar", "bool", "varchar", "varchar", "varchar", "varchar", "varchar", "int4", "text",
            "text", "uuid", "timestamp",
        ],
        dialect: Some(Dialect {
            file: "Person.Person.csv",
            header: &[
                "BusinessEntityID", "PersonType", "NameStyle", "Title", "FirstName", "MiddleName", "LastName",
                "Suffix", "EmailPromotion", "AdditionalContactInfo", "Demographics", "rowguid", "ModifiedDate",
            ],
            ..SALES
        }),
    },
    Layout {
        name: "product",
        key: "product_id",
        columns: &[
            "product_id", "name", "product_number", "make_flag", "finished_goods_flag", "color",
            "safety_stock_level", "reorder_point", "standard_cost", "list_price", "size", "size_unit_measure_code",
            "weight_unit_measure_code", "weight", "days_to_manufacture", "product_line", "class", "style",
            "product_subcategory_id", "product_model_id", "sell_start_date", "sell_end_date", "discontinued_date",
            "rowguid", "modified_date",
        ],
        types: &[
            "int4", "varchar", "varchar", "bool", "bool", "varchar", "int2", "int2", "numeric", "numeric",
            "varchar", "varchar", "varchar", "numeric", "int4", "varchar", "varchar", "varchar", "int4", "int4",
            "timestamp", "timestamp", "timestamp", "uuid", "timestamp",
        ],
        dialect: Some(Dialect {
            file: "Production.Product.csv",
            header: &[
                "ProductID", "Name", "ProductNumber", "MakeFlag", "FinishedGoodsFlag", "Color", "SafetyStockLevel",
                "ReorderPoint", "StandardCost", "ListPrice", "Size", "SizeUnitMeasureCode", "WeightUnitMeasureCode",
                "Weight", "DaysToManufacture", "ProductLine", "Class", "Style", "ProductSubcategoryID",
                "ProductModelID", "SellStartDate", "SellEndDate", "DiscontinuedDate", "rowguid", "ModifiedDate",
            ],
            commas: &["standard_cost", "list_price"],
            ..SALES
        }),
    },
    Layout {
        name: "customer",
        key: "customer_id",
        columns: &[
            "customer_id", "person_id", "store_id", "territory_id", "account_number", "rowguid", "modified_date",
        ],
        types: &["int4", "int4", "int4", "int4", "varchar", "uuid", "timestamp"],
        dialect: Some(Dialect {
            file: "Sales.Customer.csv",
            header: &["CustomerID", "PersonID", "StoreID", "TerritoryID", "AccountNumber", "rowguid", "ModifiedDate"],
            ..SALES
        }),
    },
    Layout {
        name: "special_offer_product",
        key: "product_id",
        columns: &["special_offer_id", "product_id", "rowguid", "modified_date"],
        types: &["int4", "int4", "uuid", "timestamp"],
        dialect: Some(Dialect {
            file: "Sales.SpecialOfferProduct.csv",
            header: &["SpecialOfferID", "ProductID", "rowguid", "ModifiedDate"],
            ..SALES
        }),
    },
    Layout {
        name: "sales_order_header",
        key: "sales_order_id",
        columns: &[
            "sales_order_id", "revision_number", "order_date", "due_date", "ship_date", "status",
            "online_order_flag", "sales_order_number", "purchase_order_number", "account_number", "customer_id",
            "sales_person_id", "territory_id", "bill_to_address_id", "ship_to_address_id", "ship_method_id",
            "credit_card_id", "credit_card_approval_code", "currency_rate_id", "sub_total", "tax_amt", "freight",
            "total_due", "comment", "rowguid", "modified_date",
        ],
        types: &[
            "int4", "int2", "timestamp", "timestamp", "timestamp", "int2", "bool", "varchar", "varchar", "varchar",
            "int4", "int4", "int4", "int4", "int4", "int4", "int4", "varchar", "int4", "numeric", "numeric",
            "numeric", "numeric", "varchar", "uuid", "timestamp",
        ],
        dialect: Some(Dialect {
            file: "Sales.SalesOrderHeader.csv",
            header: &[
                "SalesOrderID", "RevisionNumber", "OrderDate", "DueDate", "ShipDate", "Status", "OnlineOrderFlag",
                "SalesOrderNumber", "PurchaseOrderNumber", "AccountNumber", "CustomerID", "SalesPersonID",
                "TerritoryID", "BillToAddressID", "ShipToAddressID", "ShipMethodID", "CreditCardID",
                "CreditCardApprovalCode", "CurrencyRateID", "SubTotal", "TaxAmt", "Freight", "TotalDue", "Comment",
                "rowguid", "ModifiedDate",
            ],
            commas: &["sub_total", "tax_amt", "freight", "total_due"],
            days: &["order_date", "due_date", "ship_date"],
            ..SALES
        }),
    },
    Layout {
        name: "sales_order_detail",
        key: "sales_order_detail_id",
        columns: &[
            "sales_order_id", "sales_order_detail_id", "carrier_tracking_number", "order_qty", "product_id",
            "special_offer_id", "unit_price", "unit_price_discount", "line_total", "rowguid", "modified_date",
        ],
        types: &[
            "int4", "int4", "varchar", "int2", "int4", "int4", "numeric", "numeric", "numeric", "uuid", "timestamp",
        ],
        dialect: Some(Dialect {
            file: "Sales.SalesOrderDetail.csv",
            header: &[
                "SalesOrderID", "SalesOrderDetailID", "CarrierTrackingNumber", "OrderQty", "ProductID",
                "SpecialOfferID", "UnitPrice", "UnitPriceDiscount", "LineTotal", "rowguid", "ModifiedDate",
            ],
            commas: &["unit_price", "unit_price_discount"],
            ..SALES
        }),
    },
];
