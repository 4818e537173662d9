interface Bar {
  label: string;
  parts: readonly { name: string; amount: number }[];
}

interface BarChartProps {
  title: string;
  /** What the chart shows, in a sentence: for whoever does not see it. */
  summary: string;
  bars: readonly Bar[];
  format: (amount: number) => string;
}

const height = 120;
const gap = 0.2;

/** Amounts over time, stacked. */
export function BarChart({ title, summary, bars, format }: BarChartProps) {
  const sums = bars.map(({ parts }) => parts.reduce((sum, { amount }) => sum + amount, 0));
  const most = Math.max(...sums);
  const width = 100 / bars.length;
  const names = bars[0]?.parts.map(({ name }) => name) ?? [];
  const middle = bars[Math.floor(bars.length / 2)];
  return (
    <figure class="chart">
      <figcaption>
        <h2>{title}</h2>
        <span class="muted">{summary}</span>
        <span class="muted chart-most">up to {format(most)}</span>
      </figcaption>
      <div class="chart-frame">
        <svg width="100%" height={height} role="img" aria-label={`${title}: ${summary}`}>
          <line x1="0" x2="100%" y1={height - 0.5} y2={height - 0.5} class="base" />
          {bars.map((bar, index) => {
            let below = 0;
            return (
              <g key={index}>
                <title>
                  {`${bar.label}: ${bar.parts
                    .filter(({ amount }) => amount > 0)
                    .map(({ name, amount }) => `${format(amount)} ${name}`)
                    .join(', ')}`}
                </title>
                {bar.parts.map(({ name, amount }) => {
                  if (amount === 0) return null;
                  const share = (amount / most) * (height - 4);
                  below += share;
                  return (
                    <rect
                      key={name}
                      class={`part-${name}`}
                      x={`${(index + gap / 2) * width}%`}
                      width={`${width * (1 - gap)}%`}
                      y={height - 1 - below}
                      height={Math.max(share, 1)}
                    />
                  );
                })}
              </g>
            );
          })}
        </svg>
        <div class="chart-axis" aria-hidden="true">
          <span>{bars[0]?.label}</span>
          <span>{middle?.label}</span>
          <span>now</span>
        </div>
      </div>
      {names.length > 1 && (
        <ul class="legend" aria-hidden="true">
          {names.map((name) => (
            <li key={name}>
              <i class={`part-${name}`} />
              {name}
            </li>
          ))}
        </ul>
      )}
    </figure>
  );
}
