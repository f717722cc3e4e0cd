/** Its name, its value, and what is to be said of it. */
export type Fact = [name: string, value: string, more?: string | undefined];

export function Facts({ facts }: { facts: readonly Fact[] }) {
  return (
    <dl class="facts">
      {facts.map(([name, value, more]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            {value}
            {more && <span class="more"> {more}</span>}
          </dd>
        </div>
      ))}
    </dl>
  );
}
