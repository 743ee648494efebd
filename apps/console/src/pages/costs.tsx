/** AI costs by day and model, against the budget. */
import { useResource } from '../api/resource.ts';
import * as api from '../api/resources.ts';
import { BudgetTiers, Spent } from '../components/budget.tsx';
import { Empty, Panel } from '../components/panel.tsx';
import { routeLabel } from '../labels.ts';
import { Chart } from './costs/chart.tsx';
import { Corrections } from './costs/corrections.tsx';
import { Shares } from './costs/shares.tsx';
import { CostTable } from './costs/table.tsx';

export function Costs() {
  const state = useResource(api.costs);
  const { data } = state;
  const models = data ? data.byModel.toSorted((a, b) => b.usd - a.usd).map(({ model }) => model) : [];
  return (
    <div class="costs">
      <div class="toolbar">
        <h1>Costs</h1>
        {data && <Spent costs={data} />}
      </div>
      <div class="columns">
        <div class="main-column">
          <Panel id="bydays" title="By day and model" hint="days and months are UTC" state={state}>
            {data &&
              (data.entries.length === 0 ? (
                <Empty>No costs yet. Each AI call appears here when it ends.</Empty>
              ) : (
                <>
                  <Chart costs={data} models={models} />
                  <CostTable costs={data} models={models} />
                </>
              ))}
          </Panel>
        </div>
        <div class="side-column">
          <Panel id="budget" title="Budget" hint={data?.month} state={state}>
            {data &&
              (data.budgetUsd > 0 ? (
                <BudgetTiers costs={data} />
              ) : (
                <Empty>No budget is set, so AI costs are not limited.</Empty>
              ))}
          </Panel>
          <Panel id="bymodel" title="By model" state={state}>
            {data && <Shares rows={data.byModel.map(({ model, usd }) => ({ name: model, usd }))} colours={models} />}
          </Panel>
          <Panel id="byroute" title="By step" state={state}>
            {data && <Shares rows={data.byRoute.map(({ route, usd }) => ({ name: routeLabel(route), usd }))} />}
          </Panel>
          <Corrections state={state} />
        </div>
      </div>
    </div>
  );
}
