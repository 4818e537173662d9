/** An amount of money, with as many digits as small ones need: `$0.0009`, `0.0009 EUR`. */
export function amountText(amount: number, { currency }: { currency: string }): string {
  const text = amount.toFixed(6).replace(/(\.\d\d\d*?)0+$/, '$1');
  return currency === 'USD' ? `$${text}` : `${text} ${currency}`;
}
