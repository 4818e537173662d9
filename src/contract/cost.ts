import { z } from 'zod';

const currency = z.string().regex(/^[A-Z]{3}$/);
const amount = z.number().min(0);
const source = z.object({
  asOf: z.iso.date().meta({ description: 'When the prices were read' }),
  source: z.string().meta({ description: 'Where' }),
});

/** What a platform costs: one file, which people may replace with their own. */
export const priceListSchema = z.object({
  platform: z.string().meta({ description: 'Name of the runner driver' }),
  currency,
  perCpuSecond: amount.meta({ description: 'Of one CPU' }),
  perGBSecond: amount.meta({ description: 'Of one GB of memory' }),
  asOf: source.shape.asOf,
  source: source.shape.source,
  note: z.string().optional(),
});
export type PriceList = z.infer<typeof priceListSchema>;

export const quoteSchema = z
  .object({
    currency,
    perMinute: amount.meta({ description: 'While a container of it is there' }),
    atMost: amount.meta({ description: 'All attempts together, each as long as it may be' }),
    prices: source,
  })
  .meta({ id: 'Quote' });
export type Quote = z.infer<typeof quoteSchema>;

export const receiptSchema = z
  .object({
    currency,
    amount,
    cpuSeconds: amount,
    gbSeconds: amount,
    prices: source,
  })
  .meta({ id: 'Receipt', description: 'By list prices: the bill of the platform is what counts' });
export type Receipt = z.infer<typeof receiptSchema>;
