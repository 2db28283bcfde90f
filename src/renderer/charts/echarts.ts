/** ECharts with the parts we draw with, registered once. Everything else imports `echarts` from here. */
import { BarChart, CustomChart, LineChart, ParallelChart, ScatterChart } from 'echarts/charts'
import { AxisPointerComponent, DataZoomInsideComponent, GridComponent, LegendComponent, MarkAreaComponent, MarkLineComponent, ParallelComponent, TitleComponent, TooltipComponent } from 'echarts/components'
import * as echarts from 'echarts/core'
import { CanvasRenderer, SVGRenderer } from 'echarts/renderers'

echarts.use([
  LineChart, ScatterChart, BarChart, CustomChart, ParallelChart,
  GridComponent, TooltipComponent, AxisPointerComponent, MarkLineComponent, MarkAreaComponent, TitleComponent, LegendComponent, DataZoomInsideComponent, ParallelComponent,
  CanvasRenderer, SVGRenderer,
])

export { echarts }
