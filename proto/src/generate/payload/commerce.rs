//! From a look at a product to the purchase.

use fastrand::Rng;

use crate::generate::random::{duration_ms, numbered, pick, uuid, word};
use crate::wire::{
    AddToCart, CheckoutStart, CheckoutStep, ProductView, PurchaseComplete, PurchaseFailed, PurchaseItem, RemoveFromCart,
};

const PRODUCTS: &[(&str, &str, i64)] = &[
    ("Canvas sneaker", "shoes", 5_990),
    ("Rain jacket", "outdoor", 12_900),
    ("Espresso cups, set of 2", "kitchen", 2_450),
    ("Bücherregal \"Oslo\"", "furniture", 18_900),
    ("抹茶 30g", "food", 1_680),
    ("Gift card", "vouchers", 5_000),
];
const CURRENCIES: &[&str] = &["EUR", "USD", "GBP", "JPY"];
const PAYMENTS: &[&str] = &["card", "paypal", "apple_pay", "google_pay", "invoice"];
const STEPS: &[(i32, &str)] = &[(1, "address"), (2, "shipping"), (3, "payment"), (4, "review")];

/// A product's name, category and price.
fn product(rng: &mut Rng) -> (String, String, i64) {
    let (name, category, price_cents) = pick(rng, PRODUCTS).copied().unwrap_or_default();
    (name.to_owned(), category.to_owned(), price_cents)
}

fn product_id(rng: &mut Rng) -> String {
    numbered(rng, "sku-", 4_000)
}

fn cart_id(rng: &mut Rng) -> String {
    numbered(rng, "cart-", 100_000)
}

pub(super) fn product_view(rng: &mut Rng) -> ProductView {
    let (product_name, category, price_cents) = product(rng);
    ProductView {
        product_id: product_id(rng),
        product_name,
        category,
        price_cents,
        currency: word(rng, CURRENCIES),
        source: word(rng, &["search", "recommendation", "push", ""]),
    }
}

pub(super) fn add_to_cart(rng: &mut Rng) -> AddToCart {
    let (product_name, _, price_cents) = product(rng);
    AddToCart {
        product_id: product_id(rng),
        product_name,
        quantity: rng.i32(1..4),
        price_cents,
        currency: word(rng, CURRENCIES),
        cart_id: cart_id(rng),
    }
}

pub(super) fn remove_from_cart(rng: &mut Rng) -> RemoveFromCart {
    RemoveFromCart {
        product_id: product_id(rng),
        quantity: rng.i32(1..4),
        cart_id: cart_id(rng),
        reason: word(rng, &["", "too_expensive", "out_of_stock"]),
    }
}

pub(super) fn checkout_start(rng: &mut Rng) -> CheckoutStart {
    CheckoutStart {
        cart_id: cart_id(rng),
        item_count: rng.i32(1..9),
        total_cents: rng.i64(500..50_000),
        currency: word(rng, CURRENCIES),
    }
}

pub(super) fn checkout_step(rng: &mut Rng) -> CheckoutStep {
    let (step_number, step_name) = pick(rng, STEPS).copied().unwrap_or_default();
    CheckoutStep {
        cart_id: cart_id(rng),
        step_number,
        step_name: step_name.to_owned(),
        step_duration_ms: duration_ms(rng, 120_000),
    }
}

pub(super) fn purchase_complete(rng: &mut Rng) -> PurchaseComplete {
    let items: Vec<_> = (0..rng.u32(1..5)).map(|_| purchase_item(rng)).collect();
    PurchaseComplete {
        order_id: uuid(rng),
        cart_id: cart_id(rng),
        item_count: items.iter().map(|item| item.quantity).sum(),
        total_cents: items.iter().map(|item| item.price_cents * i64::from(item.quantity)).sum(),
        currency: word(rng, CURRENCIES),
        payment_method: word(rng, PAYMENTS),
        items,
    }
}

fn purchase_item(rng: &mut Rng) -> PurchaseItem {
    let (product_name, _, price_cents) = product(rng);
    PurchaseItem { product_id: product_id(rng), product_name, quantity: rng.i32(1..4), price_cents }
}

pub(super) fn purchase_failed(rng: &mut Rng) -> PurchaseFailed {
    let (error_code, error_message) = match rng.u32(0..3) {
        0 => ("card_declined", "The card was declined by its issuer."),
        1 => ("timeout", "The payment provider did not answer."),
        _ => ("insufficient_funds", ""),
    };
    PurchaseFailed {
        cart_id: cart_id(rng),
        error_code: error_code.to_owned(),
        error_message: error_message.to_owned(),
        payment_method: word(rng, PAYMENTS),
        checkout_step: 3,
    }
}
