/** ECharts with the parts we draw with, registered once. Everything else imports `echarts` from here. */
import { BarChart, CustomChart, LineChart, ScatterChart } from 'echarts/charts'
import { AxisPointerComponent, DataZoomInsideComponent, GridComponent, LegendComponent, MarkAreaComponent, MarkLineComponent, TitleComponent, TooltipComponent } from 'echarts/components'
import * as echarts from 'echarts/core'
import { CanvasRenderer, SVGRenderer } from 'echarts/renderers'

echarts.use([
  LineChart, ScatterChart, BarChart, CustomChart,
  GridComponent, TooltipComponent, AxisPointerComponent, MarkLineComponent, MarkAreaComponent, TitleComponent, LegendComponent, DataZoomInsideComponent,
  CanvasRenderer, SVGRenderer,
])

export { echarts }
